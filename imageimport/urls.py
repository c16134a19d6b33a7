"""Addresses of the pages of imports, and of a project's pages that show them."""

from django.urls import URLPattern, URLResolver, include, path

from imageimport.views import batches, detail, history, images, overview, planning, schedules, submitting
from imageimport.views.setup import audit, credentials, members, page, robots, webhooks
from imageimport.views.setup import project as setup_project

_import = [
    path("", detail.detail, name="import-detail"),
    path("live/", detail.live, name="import-live"),
    path("cancel/", detail.cancel, name="import-cancel"),
    path("retry/", detail.retry, name="import-retry"),
    path("dismiss/", detail.dismiss, name="import-dismiss"),
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
_settings = [
    path("", page.settings, name="settings"),
    path("journal/", audit.audit, name="audit"),
    path("project/", setup_project.edit, name="project-edit"),
    path("delete/", setup_project.delete, name="project-delete"),
    path("members/new/", members.add, name="member-add"),
    path("members/<uuid:member_id>/role/", members.change, name="member-change"),
    path("members/<uuid:member_id>/remove/", members.remove, name="member-remove"),
    path("credentials/new/", credentials.add, name="credential-add"),
    path("credentials/<uuid:credential_id>/", credentials.edit, name="credential-edit"),
    path("credentials/<uuid:credential_id>/test/", credentials.test, name="credential-test"),
    path("credentials/<uuid:credential_id>/delete/", credentials.delete, name="credential-delete"),
    path("webhooks/new/", webhooks.add, name="webhook-add"),
    path("webhooks/<uuid:webhook_id>/", webhooks.deliveries, name="webhook"),
    path("webhooks/<uuid:webhook_id>/edit/", webhooks.edit, name="webhook-edit"),
    path("webhooks/<uuid:webhook_id>/delete/", webhooks.delete, name="webhook-delete"),
    path(
        "webhooks/<uuid:webhook_id>/<uuid:delivery_id>/again/", webhooks.redeliver, name="webhook-redeliver"
    ),
    path("robots/new/", robots.add, name="robot-add"),
    path("robots/<uuid:robot_id>/revoke/", robots.remove, name="robot-remove"),
]
_project: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="project"),
    path("images/", overview.images, name="images"),
    path("images/<uuid:image_id>/", images.image, name="image"),
    path("images/<uuid:image_id>/restore/", images.restore, name="image-restore"),
    path("import/", submitting.import_new, name="import-new"),
    path("import/reading/", submitting.reading, name="import-reading"),
    path("import/reading-many/", submitting.reading_many, name="import-reading-many"),
    path("import/plan/", planning.plan, name="import-plan"),
    path("import/tags/", planning.tags, name="import-tags"),
    path("import/sign-in/", planning.sign_in, name="import-sign-in"),
    path("imports/", history.history, name="imports"),
    path("imports/live/", overview.live, name="imports-live"),
    path("imports/<uuid:task_id>/", include(_import)),
    path("batches/", include(_batches)),
    path("schedules/", include(_schedules)),
    path("settings/", include(_settings)),
]
urlpatterns = [path("projects/<str:name>/", include(_project))]
