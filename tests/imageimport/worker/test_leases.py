"""The claim: within the limits, fair, once; and what becomes of a lease."""

from __future__ import annotations

import datetime as dt
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from imageimport.choices import OCCUPYING, Outcome, Priority, Status
from imageimport.messages import parts
from imageimport.models import ImportTask
from imageimport.worker import completion, leases
from imageimport.worker.leases import Lease
from oci.errors import OciError
from projects.locking import LeaseLost
from tests.support.factories import ProjectFactory, TaskFactory, end_by_hand

pytestmark = pytest.mark.django_db


def claim() -> Lease:
    lease = leases.claim(worker="test:1")
    assert lease is not None
    return lease


def expire(lease: Lease) -> None:
    ImportTask.objects.filter(pk=lease.task_id).update(
        lease_expires_at=timezone.now() - dt.timedelta(seconds=1)
    )


def test_a_claim_takes_the_task_with_a_fence_an_attempt_and_a_history_row() -> None:
    task = TaskFactory()
    lease = claim()
    task.refresh_from_db()
    assert (lease.task_id, lease.fence, lease.attempt) == (task.pk, 1, 1)
    assert (task.status, task.stage, task.progress, task.attempts) == ("running", "start", 10, 1)
    assert task.started_at is not None
    assert task.lease_expires_at is not None
    assert list(task.history.values_list("attempt", "outcome", "ended_at")) == [(1, Outcome.RUNNING, None)]


def test_nothing_to_claim_is_none() -> None:
    assert leases.claim(worker="test:1") is None


def test_the_installation_limit_holds(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 2
    for _ in range(3):
        TaskFactory()
    claim()
    claim()
    assert leases.claim(worker="test:1") is None


def test_the_project_limit_holds_and_leaves_room_for_others(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING_PER_PROJECT = 1
    first, other = TaskFactory(), TaskFactory()
    TaskFactory(project=first.project)
    assert {claim().task_id, claim().task_id} == {first.pk, other.pk}
    assert leases.claim(worker="test:1") is None


def test_canceling_holds_its_place(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 1
    TaskFactory()
    TaskFactory()
    lease = claim()
    ImportTask.objects.filter(pk=lease.task_id).update(status=Status.CANCELING)
    assert leases.claim(worker="test:1") is None


def test_interactive_goes_before_scheduled_and_the_older_first() -> None:
    project = ProjectFactory()
    now = timezone.now()
    scheduled = TaskFactory(
        project=project, priority=Priority.SCHEDULED, created_at=now - dt.timedelta(hours=1)
    )
    second = TaskFactory(project=project, created_at=now)
    first = TaskFactory(project=project, created_at=now - dt.timedelta(minutes=1))
    order = []
    for _ in range(3):
        lease = claim()
        order.append(lease.task_id)
        end_by_hand(lease.task_id)
    assert order == [first.pk, second.pk, scheduled.pk]


def test_a_single_import_does_not_wait_behind_anothers_hundred(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 1
    big, small = ProjectFactory(), ProjectFactory()
    now = timezone.now()
    for n in range(100):
        TaskFactory(project=big, created_at=now - dt.timedelta(minutes=100 - n))
    first = claim()
    end_by_hand(first.task_id)
    single = TaskFactory(project=small)
    assert claim().task_id == single.pk


def test_what_may_not_start_yet_is_left_alone() -> None:
    TaskFactory(not_before=timezone.now() + dt.timedelta(minutes=1))
    assert leases.claim(worker="test:1") is None


def test_what_was_to_wait_starts_when_its_time_has_come() -> None:
    task = TaskFactory(not_before=timezone.now() - dt.timedelta(seconds=1))
    assert claim().task_id == task.pk
    task.refresh_from_db()
    assert task.not_before is None


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_never_exceed_the_limits_and_take_each_task_once(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 5
    settings.IMPORT_MAX_RUNNING_PER_PROJECT = 2
    projects = [ProjectFactory() for _ in range(3)]
    for project in projects:
        for _ in range(4):
            TaskFactory(project=project)

    def work(number: int) -> Lease | None:
        try:
            return leases.claim(worker=f"test:{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        taken = [lease for lease in pool.map(work, range(12)) if lease]
    assert len(taken) == 5
    assert len({lease.task_id for lease in taken}) == 5
    running = ImportTask.objects.filter(status__in=OCCUPYING)
    assert all(running.filter(project=project).count() <= 2 for project in projects)


@pytest.mark.django_db(transaction=True)
def test_a_fleet_drains_a_queue_each_import_once_and_never_more_at_a_time_than_may_run(settings: Any) -> None:
    """`bench.fleet` has the numbers of a large one."""
    settings.IMPORT_MAX_RUNNING, settings.IMPORT_MAX_RUNNING_PER_PROJECT = 4, 2
    queued = {TaskFactory(project=project).pk for project in [ProjectFactory() for _ in range(4)] * 4}
    lock, running, most = Lock(), 0, 0
    done: list[UUID] = []
    until = time.monotonic() + 60

    def work(number: int) -> None:
        nonlocal running, most
        try:
            while len(done) < len(queued) and time.monotonic() < until:
                lease = leases.claim(worker=f"test:{number}")
                if lease is None:
                    time.sleep(0.05)
                    continue
                with lock:
                    running += 1
                    most = max(most, running)
                time.sleep(0.01)
                with lock:
                    running -= 1
                assert completion.end(lease.task_id, fence=lease.fence, status=Status.SUCCESS)
                with lock:
                    done.append(lease.task_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(work, number) for number in range(8)]:
            each.result()
    assert len(done) == len(queued)
    assert set(done) == queued
    assert most <= 4
    assert not ImportTask.objects.exclude(status=Status.SUCCESS, attempts=1).exists()


def test_a_heartbeat_extends_the_lease_and_tells_of_a_cancel() -> None:
    task = TaskFactory()
    lease = claim()
    expire(lease)
    assert leases.renew(lease) is False
    task.refresh_from_db()
    assert task.lease_expires_at is not None
    assert task.lease_expires_at > timezone.now()
    ImportTask.objects.filter(pk=task.pk).update(status=Status.CANCELING)
    assert leases.renew(lease) is True


def test_a_lost_lease_is_taken_over_by_the_next_claim_and_the_late_worker_touches_nothing() -> None:
    task = TaskFactory()
    late = claim()
    expire(late)
    new = claim()
    assert (new.task_id, new.fence, new.attempt) == (task.pk, 2, 2)
    with pytest.raises(LeaseLost):
        leases.renew(late)
    with pytest.raises(LeaseLost):
        leases.hand_back(late)
    task.refresh_from_db()
    assert (task.status, task.fence) == ("running", 2)
    assert list(task.history.values_list("attempt", "outcome")) == [(1, "lost"), (2, "running")]


def test_after_the_last_attempt_a_lost_worker_is_the_end(settings: Any) -> None:
    settings.IMPORT_MAX_ATTEMPTS = 2
    task = TaskFactory()
    for _ in range(2):
        expire(claim())
    assert leases.take_over_lost() == 1
    task.refresh_from_db()
    assert (task.status, task.error_code) == ("failed", "worker_lost")
    assert task.error
    assert task.completed_at is not None


def test_a_lost_worker_of_a_canceled_import_ends_it_as_canceled() -> None:
    task = TaskFactory()
    lease = claim()
    ImportTask.objects.filter(pk=task.pk).update(status=Status.CANCELING)
    expire(lease)
    leases.take_over_lost()
    task.refresh_from_db()
    assert task.status == "canceled"


def test_handing_back_burns_no_attempt() -> None:
    task = TaskFactory()
    leases.hand_back(claim())
    task.refresh_from_db()
    assert (task.status, task.attempts) == ("pending", 0)
    again = claim()
    assert (again.attempt, again.fence) == (1, 2)
    assert list(task.history.values_list("attempt", "outcome")) == [(1, "handed_back"), (1, "running")]


def test_handing_back_a_canceled_import_ends_it() -> None:
    task = TaskFactory()
    lease = claim()
    ImportTask.objects.filter(pk=task.pk).update(status=Status.CANCELING)
    leases.hand_back(lease)
    task.refresh_from_db()
    assert task.status == "canceled"


def test_waiting_says_for_what_and_until_when_and_burns_no_attempt() -> None:
    task = TaskFactory()
    until = timezone.now() + dt.timedelta(minutes=10)
    leases.wait(claim(), until=until, message=parts("%(host)s asks to wait.", {"host": "docker.io"}))
    task.refresh_from_db()
    assert (task.status, task.not_before, task.attempts) == ("pending", until, 0)
    assert task.message == "docker.io asks to wait."
    assert task.waiting_since is not None


def test_a_failed_attempt_counts_and_pauses() -> None:
    task = TaskFactory()
    leases.try_again(claim(), pause=10, error=OciError("source_error", "It broke."))
    task.refresh_from_db()
    assert (task.status, task.attempts) == ("pending", 1)
    assert task.not_before is not None
    assert task.not_before > timezone.now()
    assert list(task.history.values_list("outcome", "error_code", "error")) == [
        ("failed", "source_error", "It broke.")
    ]


def test_a_running_row_that_nobody_claimed_is_taken_over_by_its_age(settings: Any) -> None:
    old = timezone.now() - dt.timedelta(seconds=settings.IMPORT_LEASE_SECONDS + 1)
    task = TaskFactory(status=Status.RUNNING, updated_at=old)
    fresh = TaskFactory(status=Status.RUNNING)
    assert leases.take_over_lost() == 1
    task.refresh_from_db()
    fresh.refresh_from_db()
    assert (task.status, fresh.status) == ("pending", "running")
