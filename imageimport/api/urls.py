"""The import API's addresses, below ``/api/v1/``."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from imageimport.api.batches import BatchViewSet
from imageimport.api.credentials import CredentialViewSet
from imageimport.api.plan import PlanViewSet
from imageimport.api.schedules import RunViewSet, ScheduleViewSet
from imageimport.api.tasks import ImportTaskViewSet
from imageimport.api.timeline import TimelineViewSet
from imageimport.api.usage import UsageViewSet
from imageimport.api.webhooks import DeliveryViewSet, WebhookViewSet

PROJECT = "projects/<uuid:project_id>"
IMPORT = f"{PROJECT}/images/import"
BATCHES = f"{IMPORT}/batches"
IMAGE = f"{PROJECT}/images/<uuid:image_id>"
SCHEDULE = f"{PROJECT}/schedules/<uuid:schedule_id>"
WEBHOOK = f"{PROJECT}/webhooks/<uuid:webhook_id>"

_LIST = {"get": "list", "post": "create"}
_ONE = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}


def _at(route: str, view: Any, methods: dict[str, str], name: str) -> URLPattern:
    return path(route, view.as_view(methods), name=f"api-{name}")


def _doing(route: str, view: Any, name: str, *actions: str) -> list[URLPattern]:
    """One address for each thing that can be done to ``route``."""
    return [
        path(f"{route}/{each}", view.as_view({"post": each}), name=f"api-{name}-{each}") for each in actions
    ]


urlpatterns = [
    _at(IMPORT, ImportTaskViewSet, _LIST, "import-list"),
    _at(f"{IMPORT}/<uuid:task_id>", ImportTaskViewSet, {"get": "retrieve"}, "import-detail"),
    *_doing(f"{IMPORT}/<uuid:task_id>", ImportTaskViewSet, "import", "cancel", "retry"),
    _at(f"{IMPORT}/plan", PlanViewSet, {"post": "create"}, "plan"),
    _at(BATCHES, BatchViewSet, _LIST, "batch-list"),
    *_doing(BATCHES, BatchViewSet, "batch", "read"),
    _at(f"{BATCHES}/<uuid:batch_id>", BatchViewSet, {"get": "retrieve"}, "batch-detail"),
    *_doing(f"{BATCHES}/<uuid:batch_id>", BatchViewSet, "batch", "cancel", "retry"),
    path(
        f"{BATCHES}/<uuid:batch_id>/results",
        BatchViewSet.as_view({"get": "results"}, **BatchViewSet.results.kwargs),
        name="api-batch-results",
    ),
    _at(f"{IMAGE}/digests", TimelineViewSet, {"get": "list"}, "image-digests"),
    *_doing(IMAGE, TimelineViewSet, "image", "restore"),
    _at(f"{PROJECT}/schedules", ScheduleViewSet, _LIST, "schedule-list"),
    _at(SCHEDULE, ScheduleViewSet, _ONE, "schedule-detail"),
    *_doing(SCHEDULE, ScheduleViewSet, "schedule", "run"),
    _at(f"{SCHEDULE}/runs", RunViewSet, {"get": "list"}, "schedule-runs"),
    _at(f"{SCHEDULE}/runs/<uuid:run_id>", RunViewSet, {"get": "retrieve"}, "schedule-run-detail"),
    _at(f"{PROJECT}/credentials", CredentialViewSet, _LIST, "credential-list"),
    _at(f"{PROJECT}/credentials/<uuid:credential_id>", CredentialViewSet, _ONE, "credential-detail"),
    *_doing(f"{PROJECT}/credentials/<uuid:credential_id>", CredentialViewSet, "credential", "test"),
    _at(f"{PROJECT}/webhooks", WebhookViewSet, _LIST, "webhook-list"),
    _at(WEBHOOK, WebhookViewSet, _ONE, "webhook-detail"),
    _at(f"{WEBHOOK}/deliveries", DeliveryViewSet, {"get": "list"}, "webhook-deliveries"),
    _at(f"{WEBHOOK}/deliveries/<uuid:delivery_id>", DeliveryViewSet, {"get": "retrieve"}, "webhook-delivery"),
    *_doing(f"{WEBHOOK}/deliveries/<uuid:delivery_id>", DeliveryViewSet, "webhook-delivery", "redeliver"),
    _at(f"{PROJECT}/usage", UsageViewSet, {"get": "retrieve"}, "project-usage"),
]
