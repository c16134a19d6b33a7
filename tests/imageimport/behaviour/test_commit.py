"""The moment before the tag: from there on an import is carried through."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from accounts.exceptions import ApplicationError
from imageimport.choices import Outcome, Status
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.worker import leases
from imageimport.worker.leases import EXTRA_ATTEMPTS, Lease
from projects.locking import LeaseLost
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def lease() -> Lease:
    """A claimed import."""
    TaskFactory()
    found = leases.claim(worker="test:1")
    assert found is not None
    return found


def row(lease: Lease) -> ImportTask:
    return ImportTask.objects.get(pk=lease.task_id)


def lose(lease: Lease) -> None:
    """The heartbeat of whoever has it stopped long ago."""
    past = timezone.now() - dt.timedelta(minutes=5)
    ImportTask.objects.filter(pk=lease.task_id).update(lease_expires_at=past)


def test_who_was_asked_to_cancel_in_time_may_not_begin(lease: Lease) -> None:
    services.cancel(task=row(lease))
    assert leases.begin_commit(lease) is False
    assert row(lease).publishing is False


def test_who_lost_the_lease_may_not_begin(lease: Lease) -> None:
    lose(lease)
    leases.take_over_lost()
    with pytest.raises(LeaseLost):
        leases.begin_commit(lease)


def test_a_cancel_after_the_beginning_is_refused(lease: Lease) -> None:
    assert leases.begin_commit(lease)
    with pytest.raises(ApplicationError) as caught:
        services.cancel(task=row(lease))
    assert caught.value.code == "not_cancelable"
    assert row(lease).status == Status.RUNNING


def test_a_cancel_is_refused_while_it_waits_to_be_carried_through(lease: Lease) -> None:
    leases.begin_commit(lease)
    lose(lease)
    leases.take_over_lost()
    assert row(lease).status == Status.PENDING
    with pytest.raises(ApplicationError):
        services.cancel(task=row(lease))


def test_a_lost_worker_there_does_not_fail_the_import(lease: Lease, settings: Any) -> None:
    settings.IMPORT_MAX_ATTEMPTS = 1
    leases.begin_commit(lease)
    lose(lease)
    leases.take_over_lost()
    assert (row(lease).status, row(lease).publishing) == (Status.PENDING, True)


def test_but_not_for_ever(lease: Lease, settings: Any) -> None:
    settings.IMPORT_MAX_ATTEMPTS = 1
    leases.begin_commit(lease)
    for _ in range(EXTRA_ATTEMPTS):
        lose(lease)
        leases.take_over_lost()
        again = leases.claim(worker="test:1")
        assert again is not None
    lose(lease)
    leases.take_over_lost()
    assert (row(lease).status, row(lease).error_code) == (Status.FAILED, "worker_lost")
    outcomes = list(row(lease).history.values_list("outcome", flat=True))
    assert outcomes == [Outcome.LOST] * (1 + EXTRA_ATTEMPTS)


def test_one_row_that_cannot_be_settled_keeps_no_other_from_being_claimed(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    TaskFactory()
    lose(lease)
    monkeypatch.setattr(leases, "_settle_lost", broken)
    claimed = leases.claim(worker="test:2")
    assert claimed is not None
    assert claimed.task_id != lease.task_id
