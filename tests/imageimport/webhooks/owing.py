"""What is owed to a webhook."""

from __future__ import annotations

from typing import Any

from imageimport.choices import Status, WebhookEvent
from imageimport.models import WebhookDelivery
from imageimport.webhooks import outbox
from imageimport.worker import completion, leases
from oci.errors import OciError
from projects.models import Project

State = WebhookDelivery.State


def owe(project: Project, *, failed: bool = False) -> WebhookDelivery:
    event = WebhookEvent.IMPORT_FAILED if failed else WebhookEvent.IMPORT_SUCCEEDED
    outbox.enqueue(
        project_id=project.pk, event=event, failed=failed, make=lambda: {"event": event.value, "id": "1"}
    )
    return WebhookDelivery.objects.latest("created_at")


def end(task: Any, status: Status) -> None:
    lease = leases.claim(worker="test:1")
    assert lease is not None
    assert lease.task_id == task.pk
    failed = status == Status.FAILED
    error = OciError("not_found", "Gone.") if failed else None
    assert completion.end(task.pk, fence=lease.fence, status=status, error=error)
