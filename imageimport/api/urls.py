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

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register(f"{PROJECT}/images/import/plan", PlanViewSet, basename="api-plan")
router.register(f"{PROJECT}/images/import/batches", BatchViewSet, basename="api-batch")
router.register(f"{PROJECT}/images/import", ImportTaskViewSet, basename="api-import")
router.register(f"{PROJECT}/source-tags", SourceTagsViewSet, basename="api-source-tag")
router.register(f"{IMAGE}/digests", TimelineViewSet, basename="api-image-digest")
router.register(f"{PROJECT}/bundles/import", BundleImportViewSet, basename="api-bundle-import")
router.register(f"{PROJECT}/bundles", BundleViewSet, basename="api-bundle")
router.register(f"{PROJECT}/bundles/<uuid:bundle_id>/volumes", VolumeViewSet, basename="api-bundle-volume")
router.register(f"{PROJECT}/schedules", ScheduleViewSet, basename="api-schedule")
router.register(f"{PROJECT}/schedules/<uuid:schedule_id>/runs", RunViewSet, basename="api-schedule-run")
router.register(f"{PROJECT}/credentials", CredentialViewSet, basename="api-credential")
router.register(f"{PROJECT}/webhooks", WebhookViewSet, basename="api-webhook")
router.register(
    f"{PROJECT}/webhooks/<uuid:webhook_id>/deliveries", DeliveryViewSet, basename="api-webhook-delivery"
)
router.register(f"{PROJECT}/trust", TrustViewSet, basename="api-trust")
router.register(f"{PROJECT}/rules", RuleViewSet, basename="api-rule")
router.register("rules", InstallationRuleViewSet, basename="api-installation-rule")
router.register("sources", SourceViewSet, basename="api-source")
router.register("trust", InstallationTrustViewSet, basename="api-installation-trust")

urlpatterns = [
    *router.urls,
    # What no router knows: verbs of tus, a verb below one image, and what a project has one of.
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
    path(f"{IMAGE}/restore", TimelineViewSet.as_view({"post": "restore"}), name="api-image-restore"),
    path(f"{PROJECT}/receipt", ReceiptViewSet.as_view({"get": "retrieve"}), name="api-receipt"),
    path(
        f"{PROJECT}/digest",
        DigestViewSet.as_view({"get": "retrieve", "post": "create", "delete": "destroy"}),
        name="api-digest",
    ),
    path(f"{PROJECT}/usage", UsageViewSet.as_view({"get": "retrieve"}), name="api-project-usage"),
]
