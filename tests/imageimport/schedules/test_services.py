"""Schedules: what may be kept in step, by whom, and when it is due."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.exceptions import FieldErrors
from imageimport.models import Schedule, ScheduleRun
from imageimport.schedules import runner
from imageimport.schedules import services as schedules
from projects.models import AuditEvent, Project, Role
from tests.imageimport.schedules.saving import make
from tests.support.factories import CredentialFactory, MembershipFactory, member

pytestmark = pytest.mark.django_db(transaction=True)
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def project() -> Project:
    user, project = member(Role.MAINTAINER)
    project.created_by = user
    return project


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs begin and nobody does them."""
    monkeypatch.setattr(runner, "claim", lambda: None)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"image_url": "Bad!!"}, "image_url"),
        ({"image_url": "10.0.0.1/x"}, "image_url"),
        ({"image_url": "quay.io/a/b@sha256:" + "a" * 64}, "image_url"),
        ({"tags": ["a b"]}, "tags"),
        ({"tags": ["semver:nonsense"]}, "tags"),
        ({"tags": ["x"] * 201}, "tags"),
        ({"exclude_tags": ["-"]}, "exclude_tags"),
        ({"cron": "often"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"timezone": "Mars"}, "timezone"),
        ({"target_name": "Up"}, "target_name"),
        ({"platforms": ["linux"]}, "platforms"),
    ],
)
def test_what_can_not_be_kept_in_step_is_a_field_error(
    project: Project, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(FieldErrors) as refused:
        make(project, **values)
    assert list(refused.value.errors) == [field]
    assert not Schedule.objects.exists()


def test_a_credential_is_for_its_own_registry_and_project(project: Project) -> None:
    for saved in (
        CredentialFactory(project=project, registry="ghcr.io"),
        CredentialFactory(registry="quay.io"),
    ):
        with pytest.raises(FieldErrors) as refused:
            make(project, credential=saved)
        assert list(refused.value.errors) == ["credential"]


def test_fields_are_kept_in_their_one_form(project: Project) -> None:
    made = make(
        project, cron=" 0  3 * * * ", platforms=["linux/amd64", "linux/amd64"], image_url=" quay.io/a/b "
    )
    assert (made.cron, made.platforms, made.image_url) == ("0 3 * * *", ["linux/amd64"], "quay.io/a/b")


def test_the_next_run_follows_clock_and_switch(project: Project) -> None:
    with time_machine.travel(NOON, tick=False):
        made = make(project, timezone="Asia/Shanghai")
        assert made.next_run_at == dt.datetime(2026, 6, 1, 19, tzinfo=dt.UTC)
        schedules.update(schedule=made, user=project.created_by, changes={"enabled": False})
        assert Schedule.objects.get(next_run_at=None) == made
        schedules.update(
            schedule=made, user=project.created_by, changes={"enabled": True, "cron": "30 12 * * *"}
        )
        made.refresh_from_db()
        assert made.next_run_at == dt.datetime(2026, 6, 2, 4, 30, tzinfo=dt.UTC)


def test_a_due_schedule_begins_one_run_and_its_clock_goes_on(project: Project, idle: None) -> None:
    made = make(project)
    Schedule.objects.update(next_run_at=timezone.now() - dt.timedelta(days=3))
    schedules.run_due()
    schedules.run_due()
    made.refresh_from_db()
    assert ScheduleRun.objects.count() == 1, "what was missed is caught up once"
    assert made.next_run_at is not None
    assert made.next_run_at > timezone.now()
    assert ScheduleRun.objects.get().requested_by is None


def test_two_clocks_begin_one_run(project: Project, idle: None) -> None:
    make(project)
    Schedule.objects.update(next_run_at=timezone.now())
    seen = timezone.now() + dt.timedelta(seconds=1)
    schedules._start_due(seen)
    ScheduleRun.objects.update(ended_at=timezone.now())
    schedules._start_due(seen)
    assert ScheduleRun.objects.count() == 1


def test_one_that_is_switched_off_or_not_due_rests(project: Project, idle: None) -> None:
    make(project)
    off = make(project, enabled=False)
    Schedule.objects.filter(pk=off.pk).update(next_run_at=timezone.now() - dt.timedelta(hours=1))
    schedules.run_due()
    assert not ScheduleRun.objects.exists()


def test_one_that_can_not_be_read_any_more_stops_nobody_else(project: Project, idle: None) -> None:
    broken, fine = make(project), make(project)
    Schedule.objects.update(next_run_at=timezone.now())
    Schedule.objects.filter(pk=broken.pk).update(cron="nonsense")
    schedules.run_due()
    assert list(ScheduleRun.objects.values_list("schedule", flat=True)) == [fine.pk]


def test_it_runs_by_hand_while_switched_off(project: Project) -> None:
    made = make(project, enabled=False)
    run = schedules.run_now(schedule=made, user=project.created_by)
    assert (run.requested_by, run.ended_at) == (project.created_by, None)


def test_who_changes_what_it_reads_answers_for_it(project: Project) -> None:
    made = make(project)
    other = MembershipFactory(project=project, role=Role.MAINTAINER).user
    schedules.update(schedule=made, user=other, changes={"cron": "0 4 * * *", "image_url": made.image_url})
    assert made.created_by == project.created_by, "the same image is no change"
    schedules.update(schedule=made, user=other, changes={"image_url": "quay.io/c/d"})
    made.refresh_from_db()
    assert made.created_by == other


def test_a_refused_change_changes_nothing(project: Project) -> None:
    made = make(project)
    with pytest.raises(FieldErrors):
        schedules.update(schedule=made, user=project.created_by, changes={"cron": "nonsense", "tags": ["2"]})
    made.refresh_from_db()
    assert (made.cron, made.tags) == ("0 3 * * *", ["1.*"])


def test_deleting_leaves_the_journal(project: Project) -> None:
    made = make(project)
    schedules.update(schedule=made, user=project.created_by, changes={"tags": ["2.*"]})
    schedules.run_now(schedule=made, user=project.created_by)
    schedules.delete(schedule=made)
    actions = (
        AuditEvent.objects.filter(action__startswith="schedule.")
        .order_by("at")
        .values_list("action", flat=True)
    )
    assert list(actions) == ["schedule.created", "schedule.changed", "schedule.run", "schedule.deleted"]
    assert not ScheduleRun.objects.exists()
