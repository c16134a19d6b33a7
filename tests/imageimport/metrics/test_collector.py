"""The numbers for Prometheus: exact, the same from every process, bounded in labels and in cost."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from prometheus_client import generate_latest

from imageimport.choices import Status
from imageimport.messages import parts
from imageimport.metrics import collector, counters
from imageimport.models import ImportTask
from imageimport.worker import completion, housekeeping, leases
from oci.errors import ERROR_CODES, OciError
from tests.imageimport.metrics.ending import ended, numbers
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db


def test_each_end_is_counted_once_by_state_error_code_and_transport() -> None:
    for _ in range(2):
        ended(Status.SUCCESS)
    ended(Status.FAILED, code="not_found")
    found = numbers()
    assert found["portal_imports_ended_total", "error_code=", "status=success", "transport=registry"] == 2
    assert (
        found["portal_imports_ended_total", "error_code=not_found", "status=failed", "transport=registry"]
        == 1
    )
    assert found["portal_import_duration_seconds_count", "status=success"] == 2
    assert found["portal_import_duration_seconds_bucket", "le=1.0", "status=success"] == 2
    assert found["portal_import_attempts_total", "error_code=not_found", "outcome=failed"] == 1


def test_an_end_that_was_not_this_attempts_is_not_counted() -> None:
    task = ended(Status.SUCCESS)
    assert not completion.end(task.pk, fence=1, status=Status.FAILED, error=OciError("not_found", "Gone."))
    found = numbers()
    assert (
        found["portal_imports_ended_total", "error_code=not_found", "status=failed", "transport=registry"]
        == 0
    )
    assert found["portal_import_attempts_total", "error_code=not_found", "outcome=failed"] == 0


def test_every_foreseeable_series_begins_at_zero_so_that_its_first_increase_is_seen() -> None:
    found = numbers()
    for code in ERROR_CODES:
        assert (
            found["portal_imports_ended_total", f"error_code={code}", "status=failed", "transport=registry"]
            == 0
        )
        assert found["portal_import_attempts_total", f"error_code={code}", "outcome=failed"] == 0
    assert found[("portal_lease_takeovers_total",)] == 0


def test_a_lost_worker_and_a_stated_wait_are_counted(settings: Any) -> None:
    TaskFactory(source_registry="quay.io")
    lease = leases.claim(worker="test:1")
    assert lease is not None
    leases.wait(lease, until=timezone.now() + dt.timedelta(hours=1), message=parts("Rate limit."))
    TaskFactory()
    assert leases.claim(worker="test:1")
    ImportTask.objects.filter(status=Status.RUNNING).update(
        lease_expires_at=timezone.now() - dt.timedelta(seconds=1)
    )
    leases.take_over_lost()
    found = numbers()
    assert found[("portal_lease_takeovers_total",)] == 1
    assert found["portal_import_waits_total", "registry=quay.io"] == 1
    assert found["portal_imports_held_back", "registry=quay.io"] == 1
    assert found[("portal_imports_waiting",)] == 2
    assert found[("portal_imports_ready",)] == 1


def test_the_queue_tells_its_length_its_age_and_what_runs() -> None:
    now = timezone.now()
    TaskFactory(created_at=now - dt.timedelta(seconds=500), not_before=now + dt.timedelta(hours=1))
    TaskFactory(created_at=now - dt.timedelta(seconds=300), not_before=now - dt.timedelta(seconds=100))
    TaskFactory(status=Status.RUNNING, rate=7000, lease_expires_at=now + dt.timedelta(hours=1))
    TaskFactory(status=Status.CANCELING, rate=1, lease_expires_at=now + dt.timedelta(hours=1))
    found = numbers()
    assert found[("portal_imports_waiting_oldest_seconds",)] == pytest.approx(500, abs=20)
    assert found[("portal_imports_ready_oldest_seconds",)] == pytest.approx(100, abs=20)
    assert found[("portal_imports_running",)] == 2
    assert found[("portal_transfer_bytes_per_second",)] == 7001


def test_how_long_imports_waited_is_counted_at_their_first_start_only() -> None:
    task = TaskFactory(created_at=timezone.now() - dt.timedelta(seconds=45))
    for _ in range(2):
        lease = leases.claim(worker="test:1")
        assert lease is not None
        leases.hand_back(lease)
    assert task.pk
    found = numbers()
    assert found[("portal_import_queue_seconds_count",)] == 1
    assert found["portal_import_queue_seconds_bucket", "le=30.0"] == 0
    assert found["portal_import_queue_seconds_bucket", "le=60.0"] == 1
    assert found[("portal_import_queue_seconds_sum",)] == pytest.approx(45, abs=20)


def test_the_sweep_says_that_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("portal_sweep_age_seconds",) not in numbers()
    housekeeping.sweep()
    assert numbers()[("portal_sweep_age_seconds",)] < 60
    cache.delete(counters.SWEPT)
    assert ("portal_sweep_age_seconds",) not in numbers()


def test_the_cost_does_not_grow_with_what_has_ended(django_assert_num_queries: Any) -> None:
    for _ in range(5):
        ended(Status.SUCCESS)
    registry = collector.registry()
    with django_assert_num_queries(6):
        generate_latest(registry)
