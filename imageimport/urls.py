"""Addresses of the pages of imports, and of a project's pages that show them."""

from django.urls import URLPattern, URLResolver, include, path

from imageimport.views import (
    batches,
    bulk,
    bundles,
    detail,
    first_pull,
    history,
    images,
    overview,
    planning,
    policy,
    requests,
    schedules,
    sources,
    submitting,
    trust,
    uploading,
)
from imageimport.views.setup import credentials, digest, page, project, webhooks

_import = [
    path("", detail.detail, name="import-detail"),
    path("live/", detail.live, name="import-live"),
    path("cancel/", detail.cancel, name="import-cancel"),
    path("retry/", detail.retry, name="import-retry"),
    path("now/", detail.run_now, name="import-now"),
    path("dismiss/", detail.dismiss, name="import-dismiss"),
    path("approve/", requests.approve, name="import-approve"),
    path("reject/", requests.reject, name="import-reject"),
]
_batches = [
    path("", batches.batch_list, name="batches"),
    path("<uuid:batch_id>/", batches.batch, name="batch"),
    path("<uuid:batch_id>/cancel/", batches.cancel, name="batch-cancel"),
    path("<uuid:batch_id>/retry/", batches.retry, name="batch-retry"),
]
_schedules = [
    path("", schedules.schedule_list, name="schedules"),
    path("new/", schedules.add, name="schedule-add"),
    path("<uuid:schedule_id>/", schedules.schedule, name="schedule"),
    path("<uuid:schedule_id>/edit/", schedules.edit, name="schedule-edit"),
    path("<uuid:schedule_id>/run/", schedules.run, name="schedule-run"),
    path("<uuid:schedule_id>/delete/", schedules.delete, name="schedule-delete"),
]
_bundles = [
    path("", bundles.bundle_list, name="bundles"),
    path("new/", bundles.add, name="bundle-new"),
    path("<uuid:bundle_id>/", bundles.bundle, name="bundle"),
    path("<uuid:bundle_id>/delete/", bundles.delete, name="bundle-delete"),
]
_settings = [
    path("", page.settings, name="settings"),
    path("delete/", project.delete, name="project-delete"),
    path("digest/", digest.change, name="digest"),
    path("credentials/new/", credentials.add, name="credential-add"),
    path("credentials/<uuid:credential_id>/", credentials.edit, name="credential-edit"),
    path("credentials/<uuid:credential_id>/test/", credentials.test, name="credential-test"),
    path("credentials/<uuid:credential_id>/delete/", credentials.delete, name="credential-delete"),
    path("trust/new/", trust.add, name="trust-add"),
    path("trust/<uuid:trust_id>/delete/", trust.delete, name="trust-delete"),
    path("webhooks/new/", webhooks.add, name="webhook-add"),
    path("webhooks/<uuid:webhook_id>/", webhooks.deliveries, name="webhook"),
    path("webhooks/<uuid:webhook_id>/edit/", webhooks.edit, name="webhook-edit"),
    path("webhooks/<uuid:webhook_id>/test/", webhooks.test, name="webhook-test"),
    path("webhooks/<uuid:webhook_id>/delete/", webhooks.delete, name="webhook-delete"),
    path(
        "webhooks/<uuid:webhook_id>/<uuid:delivery_id>/again/", webhooks.redeliver, name="webhook-redeliver"
    ),
]
_rules = [
    path("", policy.rules, name="rules"),
    path("new/", policy.add, name="rule-add"),
    path("<uuid:rule_id>/edit/", policy.edit, name="rule-edit"),
    path("<uuid:rule_id>/move/", policy.move, name="rule-move"),
    path("<uuid:rule_id>/delete/", policy.delete, name="rule-delete"),
]
_project: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="project"),
    path("images/", overview.images, name="images"),
    path("images/bulk/", bulk.images, name="images-bulk"),
    path("images/<uuid:image_id>/", images.image, name="image"),
    path("images/<uuid:image_id>/restore/", images.restore, name="image-restore"),
    path("import/", submitting.import_new, name="import-new"),
    path("import/reading/", submitting.reading, name="import-reading"),
    path("import/reading-many/", submitting.reading_many, name="import-reading-many"),
    path("import/plan/", planning.plan, name="import-plan"),
    path("import/offers/", planning.offers, name="import-offers"),
    path("import/look/", planning.look, name="import-look"),
    path("import/tags/", planning.tags, name="import-tags"),
    path("import/files/", uploading.files, name="import-files"),
    path("import/files/plan/", uploading.plan, name="import-files-plan"),
    path("import/files/start/", uploading.start, name="import-files-start"),
    path("import/files/<uuid:upload_id>/delete/", uploading.delete, name="upload-delete"),
    path("import/sign-in/", planning.sign_in, name="import-sign-in"),
    path("imports/", history.history, name="imports"),
    path("imports/live/", overview.live, name="imports-live"),
    path("imports/dismiss/", detail.dismiss_all, name="imports-dismiss"),
    path("imports/bulk/", bulk.imports, name="imports-bulk"),
    path("imports/<uuid:task_id>/", include(_import)),
    path("batches/", include(_batches)),
    path("schedules/", include(_schedules)),
    path("requests/", requests.request_list, name="requests"),
    path("rules/", include(_rules)),
    path("settings/policy/", policy.settings, name="project-policy"),
    path("bundles/", include(_bundles)),
    path("settings/", include(_settings)),
]
_sources = [
    path("", sources.source_list, name="sources"),
    path("new/", sources.add, name="source-add"),
    path("<uuid:source_id>/edit/", sources.edit, name="source-edit"),
    path("<uuid:source_id>/delete/", sources.delete, name="source-delete"),
    path("<uuid:source_id>/test/", sources.test, name="source-test"),
]
_trust = [
    path("", trust.installation, name="trust"),
    path("new/", trust.installation_add, name="installation-trust-add"),
    path("<uuid:trust_id>/delete/", trust.installation_delete, name="installation-trust-delete"),
]
_installation_rules = [
    path("", policy.installation_rules, name="installation-rules"),
    path("new/", policy.installation_add, name="installation-rule-add"),
    path("<uuid:rule_id>/edit/", policy.installation_edit, name="installation-rule-edit"),
    path("<uuid:rule_id>/move/", policy.installation_move, name="installation-rule-move"),
    path("<uuid:rule_id>/delete/", policy.installation_delete, name="installation-rule-delete"),
]
urlpatterns = [
    path("import/", submitting.import_anywhere, name="import-anywhere"),
    path("projects/<str:name>/", include(_project)),
    path("sources/", include(_sources)),
    path("trust/", include(_trust)),
    path("rules/", include(_installation_rules)),
    path("digest/<str:token>/", digest.leave, name="digest-leave"),
    path(
        "service/first-pull/<str:ask>/v2/<path:name>/manifests/<str:reference>",
        first_pull.first_pull,
        name="first-pull",
    ),
]
