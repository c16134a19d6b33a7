"""The import API's addresses, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from imageimport.api.batches import BatchViewSet
from imageimport.api.bundle_import import BundleImportViewSet
from imageimport.api.bundles import BundleViewSet, ReceiptViewSet, VolumeViewSet
from imageimport.api.credentials import CredentialViewSet
from imageimport.api.digest import DigestViewSet
from imageimport.api.plan import PlanViewSet
from imageimport.api.policy import InstallationRuleViewSet, RuleViewSet
from imageimport.api.schedules import RunViewSet, ScheduleViewSet
from imageimport.api.source_tags import SourceTagsViewSet
from imageimport.api.sources import SourceViewSet
from imageimport.api.tasks import ImportTaskViewSet
from imageimport.api.timeline import TimelineViewSet
from imageimport.api.trust import InstallationTrustViewSet, TrustViewSet
from imageimport.api.uploads import UploadViewSet
from imageimport.api.usage import UsageViewSet
from imageimport.api.webhooks import DeliveryViewSet, WebhookViewSet

PROJECT = "projects/<uuid:project_id>"
IMAGE = f"{PROJECT}/images/<uuid:image_id>"
RUNS = f"{PROJECT}/schedules/<uuid:schedule_id>/runs"
DELIVERIES = f"{PROJECT}/webhooks/<uuid:webhook_id>/deliveries"

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register(f"{PROJECT}/images/import/batches", BatchViewSet, basename="api-batch")
router.register(f"{PROJECT}/images/import", ImportTaskViewSet, basename="api-import")
router.register(f"{PROJECT}/bundles", BundleViewSet, basename="api-bundle")
router.register(f"{PROJECT}/schedules", ScheduleViewSet, basename="api-schedule")
router.register(f"{PROJECT}/credentials", CredentialViewSet, basename="api-credential")
router.register(f"{PROJECT}/webhooks", WebhookViewSet, basename="api-webhook")
router.register(f"{PROJECT}/trust", TrustViewSet, basename="api-trust")
router.register(f"{PROJECT}/rules", RuleViewSet, basename="api-rule")
router.register("rules", InstallationRuleViewSet, basename="api-installation-rule")
router.register("sources", SourceViewSet, basename="api-source")
router.register("trust", InstallationTrustViewSet, basename="api-installation-trust")

urlpatterns = [
    path(f"{PROJECT}/images/import/plan", PlanViewSet.as_view({"post": "create"}), name="api-plan"),
    path(f"{PROJECT}/source-tags", SourceTagsViewSet.as_view({"get": "list"}), name="api-source-tags"),
    *router.urls,
    path(
        f"{PROJECT}/bundles/import",
        BundleImportViewSet.as_view({"post": "create"}),
        name="api-bundle-import",
    ),
    path(
        f"{PROJECT}/bundles/import/plan",
        BundleImportViewSet.as_view({"post": "plan"}),
        name="api-bundle-import-plan",
    ),
    path(
        f"{PROJECT}/uploads",
        UploadViewSet.as_view({"post": "create", "options": "discover"}),
        name="api-uploads",
    ),
    path(
        f"{PROJECT}/uploads/<uuid:upload_id>",
        UploadViewSet.as_view(
            {"head": "status", "patch": "receive", "delete": "destroy", "options": "discover"}
        ),
        name="api-upload-detail",
    ),
    # What hangs below one of these, or is one of a kind: a router would name it otherwise.
    path(f"{IMAGE}/digests", TimelineViewSet.as_view({"get": "list"}), name="api-image-digests"),
    path(f"{IMAGE}/restore", TimelineViewSet.as_view({"post": "restore"}), name="api-image-restore"),
    path(RUNS, RunViewSet.as_view({"get": "list"}), name="api-schedule-runs"),
    path(f"{RUNS}/<uuid:run_id>", RunViewSet.as_view({"get": "retrieve"}), name="api-schedule-run-detail"),
    path(DELIVERIES, DeliveryViewSet.as_view({"get": "list"}), name="api-webhook-deliveries"),
    path(
        f"{DELIVERIES}/<uuid:delivery_id>",
        DeliveryViewSet.as_view({"get": "retrieve"}),
        name="api-webhook-delivery",
    ),
    path(
        f"{DELIVERIES}/<uuid:delivery_id>/redeliver",
        DeliveryViewSet.as_view({"post": "redeliver"}),
        name="api-webhook-delivery-redeliver",
    ),
    path(
        f"{PROJECT}/bundles/<uuid:bundle_id>/volumes/<int:number>",
        VolumeViewSet.as_view({"get": "retrieve"}),
        name="api-bundle-volume",
    ),
    path(f"{PROJECT}/receipt", ReceiptViewSet.as_view({"get": "retrieve"}), name="api-receipt"),
    path(
        f"{PROJECT}/digest",
        DigestViewSet.as_view({"get": "retrieve", "post": "create", "delete": "destroy"}),
        name="api-digest",
    ),
    path(f"{PROJECT}/usage", UsageViewSet.as_view({"get": "retrieve"}), name="api-project-usage"),
]
