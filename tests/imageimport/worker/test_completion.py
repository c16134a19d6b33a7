"""How an import ends: once, whole, and without its secrets."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.choices import Status
from imageimport.models import ImportLayer, ImportTask
from imageimport.worker import completion, leases
from oci.errors import OciError
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db


def running(**values: Any) -> tuple[ImportTask, leases.Lease]:
    task = TaskFactory(**values)
    lease = leases.claim(worker="test:1")
    assert lease is not None
    return task, lease


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.CANCELED])
def test_success_and_cancel_erase_the_credentials(status: Status) -> None:
    task, lease = running(username="me", password="hunter22")
    assert completion.end(task.pk, fence=lease.fence, status=status)
    task.refresh_from_db()
    assert not task.username
    assert not task.password
    assert task.credentials_erased


def test_a_failure_keeps_them_for_a_retry() -> None:
    task, lease = running(username="me", password="hunter22")
    completion.end(task.pk, fence=lease.fence, status=Status.FAILED, error=OciError("not_found", "Gone."))
    task.refresh_from_db()
    assert task.password.reveal() == "hunter22"
    assert (task.error_code, task.error) == ("not_found", "Gone.")


def test_without_retention_a_failure_erases_them_too(settings: Any) -> None:
    settings.CREDENTIAL_RETENTION_HOURS = 0
    task, lease = running(username="me", password="hunter22")
    completion.end(task.pk, fence=lease.fence, status=Status.FAILED, error=OciError("not_found", "Gone."))
    task.refresh_from_db()
    assert not task.password


def test_an_ended_state_never_changes() -> None:
    task, lease = running()
    assert completion.end(task.pk, fence=lease.fence, status=Status.SUCCESS)
    assert not completion.end(
        task.pk, fence=lease.fence, status=Status.FAILED, error=OciError("timeout", "Late.")
    )
    task.refresh_from_db()
    assert (task.status, task.error_code, task.progress) == ("success", "", 100)


def test_a_late_attempt_ends_nothing_even_while_the_task_waits_again() -> None:
    task, lease = running()
    leases.hand_back(lease)
    assert not completion.end(task.pk, fence=lease.fence, status=Status.SUCCESS)
    task.refresh_from_db()
    assert task.status == "pending"


def test_the_history_is_closed_and_no_layer_goes_on_copying() -> None:
    task, lease = running()
    ImportLayer.objects.create(task=task, position=0, digest="sha256:a", state="copying")
    completion.end(
        task.pk, fence=lease.fence, status=Status.FAILED, error=OciError("source_error", "It broke.")
    )
    attempt = task.history.get()
    assert (attempt.outcome, attempt.error_code, attempt.error) == ("failed", "source_error", "It broke.")
    assert attempt.ended_at is not None
    assert task.layers.get().state == "failed"
