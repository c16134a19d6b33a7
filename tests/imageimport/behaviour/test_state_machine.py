"""The life of imports as a machine: any order of what workers, people, the clock and late messages can do.

Each run is one savepoint, taken back at its end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.choices import ACTIVE, OCCUPYING, Outcome, Status
from imageimport.messages import parts
from imageimport.models import ImportAttempt, ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import completion, dispatch, leases
from imageimport.worker.leases import Lease
from oci.errors import OciError
from projects.locking import LeaseLost
from projects.models import Project
from tests.support.fresh import fresh_memory

__all__ = ["fresh_memory"]

MOST, MAX_OF_PROJECT, ATTEMPTS = 3, 2, 2
SAID = parts("It broke.")
#: What an ended import keeps for ever.
KEPT = (
    "status",
    "stage",
    "progress",
    "error",
    "error_code",
    "attempts",
    "fence",
    "digest",
    "started_at",
    "completed_at",
)


#: What a worker may do with its lease.
WORK = ("renew", "hand_back", "wait", "again", "commit", "finish", "fail")


class Imports(RuleBasedStateMachine):
    """Every lease that was ever given stays known, also those that were lost long ago: those are the late workers."""

    @initialize()
    def begin(self) -> None:
        self.projects = [Project.objects.create(name=f"machine-{number}") for number in range(2)]
        self.leases: list[Lease] = []
        self.ended: dict[Any, tuple[Any, ...]] = {}
        self.fences: dict[Any, int] = {}

    # --- people ---------------------------------------------------------------------------------------

    @rule(project=st.integers(0, 1), name=st.integers(0, 3), password=st.booleans())
    def submit(self, project: int, name: int, password: bool) -> None:
        user, secret = ("u", "secret") if password else ("", "")
        request = ImportRequest("ghcr.io/a/b:1", target_name=f"t{name}", username=user, password=secret)
        active = ImportTask.objects.filter(
            project=self.projects[project], target_name=f"t{name}", status__in=ACTIVE
        )
        busy = active.exists()
        try:
            services.submit(project=self.projects[project], user=None, request=request)
        except ApplicationError as refused:
            assert (refused.code, busy) == ("target_busy", True)
        else:
            assert not busy

    @rule(pick=st.integers(0, 9))
    def cancel(self, pick: int) -> None:
        task = self._task(pick)
        if task is None:
            return
        was = task.status
        try:
            found = services.cancel(task=task)
        except ApplicationError as refused:
            assert refused.code == "not_cancelable"
            assert task.is_terminal or task.publishing
        else:
            assert found.status in (Status.CANCELED, Status.CANCELING), was

    @rule(pick=st.integers(0, 9))
    def retry(self, pick: int) -> None:
        task = self._task(pick)
        if task is None:
            return
        try:
            new = services.retry(task=task, user=None)
        except (ApplicationError, FieldErrors):
            return
        assert task.status in (Status.FAILED, Status.CANCELED)
        assert (new.status, new.retry_of_id) == (Status.PENDING, task.pk)

    # --- workers --------------------------------------------------------------------------------------

    @rule()
    def claim(self) -> None:
        waiting = list(ImportTask.objects.eligible(timezone.now()).values_list("pk", flat=True))
        busy = ImportTask.objects.filter(status__in=OCCUPYING).count()
        lease = leases.claim(worker="machine:1")
        if lease is None:
            full = self._full()
            free = [pk for pk in waiting if ImportTask.objects.get(pk=pk).project_id not in full]
            assert busy >= MOST or not free, "something could have started"
        else:
            self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule(
        pick=st.integers(0, 9),
        how=st.sampled_from(WORK),
    )
    def work(self, pick: int, how: str) -> None:
        """What a worker does with a lease that it has, or believes to have."""
        lease = self.leases[-1 - pick % len(self.leases)]
        before = self._row(lease)
        alive = before is not None and before.fence == lease.fence and before.status in OCCUPYING
        try:
            with transaction.atomic():
                self._act(lease, how)
        except LeaseLost:
            assert not alive
        if not alive:
            assert self._values(before) == self._values(self._row(lease)), (
                f"a late worker's {how} changed the row"
            )

    def _act(self, lease: Lease, how: str) -> None:
        acts: dict[str, Callable[[], object]] = {
            "renew": lambda: leases.renew(lease),
            "hand_back": lambda: leases.hand_back(lease),
            "wait": lambda: leases.wait(lease, until=timezone.now() + dt.timedelta(minutes=5), message=SAID),
            "again": lambda: leases.try_again(
                lease, pause=5, error=OciError("source_error", SAID["template"])
            ),
            "commit": lambda: leases.begin_commit(lease),
            "finish": lambda: completion.end(
                lease.task_id, fence=lease.fence, status=Status.SUCCESS, digest="sha256:" + "a" * 64
            ),
            "fail": lambda: completion.end(
                lease.task_id,
                fence=lease.fence,
                status=Status.FAILED,
                error=OciError("source_error", SAID["template"]),
            ),
        }
        acts[how]()

    # --- the clock ------------------------------------------------------------------------------------

    @precondition(lambda self: self.leases)
    @rule(pick=st.integers(0, 9))
    def a_heartbeat_stops(self, pick: int) -> None:
        lease = self.leases[-1 - pick % len(self.leases)]
        past = timezone.now() - dt.timedelta(seconds=1)
        lease.rows().update(lease_expires_at=past)

    @rule()
    def sweep(self) -> None:
        leases.take_over_lost()
        assert not ImportTask.objects.filter(
            status__in=OCCUPYING, lease_expires_at__lt=timezone.now()
        ).exists()

    @rule()
    def time_passes(self) -> None:
        ImportTask.objects.filter(status=Status.PENDING).update(not_before=None)

    # --- what always holds ------------------------------------------------------------------------------

    @invariant()
    def limits_hold(self) -> None:
        rows = list(ImportTask.objects.filter(status__in=OCCUPYING).values_list("project_id", flat=True))
        assert len(rows) <= MOST
        assert all(rows.count(project) <= MAX_OF_PROJECT for project in rows)

    @invariant()
    def one_writer_has_each_target(self) -> None:
        rows = list(
            ImportTask.objects.filter(status__in=ACTIVE).values_list("project", "target_name", "target_tag")
        )
        assert len(rows) == len(set(rows))

    @invariant()
    def an_ended_import_never_changes(self) -> None:
        for task in ImportTask.objects.filter(status__in=(Status.SUCCESS, Status.FAILED, Status.CANCELED)):
            values = tuple(getattr(task, name) for name in KEPT)
            assert self.ended.setdefault(task.pk, values) == values
            assert task.completed_at is not None
            assert not task.lease_owner
            assert task.lease_expires_at is None
            assert (task.status == Status.FAILED) == bool(task.error_code)
        assert set(self.ended) <= set(ImportTask.objects.values_list("pk", flat=True))

    @invariant()
    def fences_only_grow_and_attempts_are_bounded(self) -> None:
        for task in ImportTask.objects.all():
            assert task.fence >= self.fences.get(task.pk, 0)
            self.fences[task.pk] = task.fence
            assert 0 <= task.attempts <= ATTEMPTS + leases.EXTRA_ATTEMPTS or task.status == Status.PENDING

    @invariant()
    def the_history_has_one_live_attempt_at_most(self) -> None:
        for task in ImportTask.objects.all():
            rows = list(ImportAttempt.objects.filter(task=task).order_by("fence"))
            assert [row.fence for row in rows] == list(range(1, task.fence + 1))
            live = [row.fence for row in rows if row.ended_at is None]
            assert live == ([task.fence] if task.status in OCCUPYING else [])
            assert all((row.outcome == Outcome.RUNNING) == (row.ended_at is None) for row in rows)

    @invariant()
    def secrets_go_when_nobody_needs_them(self) -> None:
        for task in ImportTask.objects.filter(status__in=(Status.SUCCESS, Status.CANCELED)):
            assert not task.password
            assert not task.username

    # --- helpers ----------------------------------------------------------------------------------------

    def _task(self, pick: int) -> ImportTask | None:
        rows = list(ImportTask.objects.order_by("-created_at", "-id"))
        return rows[pick % len(rows)] if rows else None

    def _row(self, lease: Lease) -> ImportTask | None:
        return ImportTask.objects.filter(pk=lease.task_id).first()

    def _values(self, task: ImportTask | None) -> tuple[Any, ...]:
        names = (*KEPT, "not_before", "lease_owner", "lease_expires_at", "publishing", "message")
        return tuple(getattr(task, name) for name in names) if task else ()

    def _full(self) -> set[Any]:
        rows = list(ImportTask.objects.filter(status__in=OCCUPYING).values_list("project_id", flat=True))
        return {project for project in rows if rows.count(project) >= MAX_OF_PROJECT}


@pytest.mark.timeout(300)
@pytest.mark.django_db
def test_no_order_of_events_breaks_a_promise(few_places: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "after_commit", lambda _count=1: None)

    class InOneTransaction(Imports):
        def __init__(self) -> None:
            self._around = transaction.atomic()
            self._around.__enter__()
            super().__init__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self._around.__exit__(None, None, None)

    run_state_machine_as_test(
        InOneTransaction,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        ),
    )


@pytest.fixture
def few_places(settings: Any) -> None:
    """Small limits, so that they are met."""
    settings.IMPORT_MAX_RUNNING = MOST
    settings.IMPORT_MAX_RUNNING_PER_PROJECT = MAX_OF_PROJECT
    settings.IMPORT_MAX_ATTEMPTS = ATTEMPTS
