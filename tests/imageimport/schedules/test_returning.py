"""What a schedule will bring again is not cleaned up, and what a person set aside does not come because it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.utils import timezone

from imageimport import restore
from imageimport.choices import Status
from imageimport.models import ImportTask, Schedule
from imageimport.worker import groups
from projects.models import Image, Project
from projects.retention import cleanup, rules, trash
from stack import sample
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.runs import Work, add, keep, results, run

pytestmark = pytest.mark.django_db(transaction=True)


def why(project: Project) -> dict[str, str]:
    """Of each tag that stays."""
    return {verdict.tag.tag: cleanup.sentence(verdict) for verdict in cleanup.plan(project).keep}


@pytest.fixture
def synced(project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work) -> Schedule:
    """Two tags that a rule takes, and the schedule that brought them."""
    add(source, "1.0", 1)
    add(source, "1.1", 2)
    schedule = keep(project, source, "1.*")
    run(schedule, work)
    rules.create(project=project, user=None, values={"keep_pushed_days": 30})
    Image.objects.update(updated_at=timezone.now() - dt.timedelta(days=90))
    assert why(project) == {}
    return schedule


def test_what_the_last_run_found_changed_and_has_not_come_stays_until_it_comes(
    synced: Schedule, project: Project, source: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 3)
    made = run(synced)
    assert results(made) == {"1.0": "moved"}
    assert why(project) == {"1.0": "An import to this tag is in progress."}
    ImportTask.objects.active().update(status=Status.FAILED, completed_at=timezone.now())
    source_name = f"{source.server_name}/app/web"
    assert why(project) == {"1.0": f"The scheduled sync of {source_name} will bring this tag again."}
    groups.settle_run(made.pk)
    run(synced, work)
    Image.objects.update(updated_at=timezone.now() - dt.timedelta(days=90))
    assert why(project) == {}


def test_so_does_what_is_too_young_to_come(
    synced: Schedule, project: Project, source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    Schedule.objects.update(min_age_days=7)
    monkeypatch.setattr(sample, "CREATED", timezone.now().isoformat())
    add(source, "1.1", 3)
    synced.refresh_from_db()
    assert results(run(synced)) == {"1.1": "waiting"}
    assert set(why(project)) == {"1.1"}


@pytest.mark.parametrize(
    "change",
    [
        lambda: Schedule.objects.update(enabled=False),
        lambda: Schedule.objects.update(updated_at=timezone.now()),
        lambda: Image.objects.filter(tag="1.0").update(digest="sha256:" + "e" * 64),
    ],
    ids=["off", "changed", "pushed since"],
)
def test_not_by_a_schedule_that_is_off_or_was_changed_and_not_what_was_set_since(
    synced: Schedule, project: Project, source: ScriptedRegistry, change: Callable[[], object]
) -> None:
    add(source, "1.0", 3)
    run(synced)
    ImportTask.objects.active().update(status=Status.FAILED, completed_at=timezone.now())
    assert set(why(project)) == {"1.0"}
    change()
    assert why(project) == {}


def test_what_a_person_set_aside_does_not_come_because_clean_up_took_the_tag(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    first = add(source, "1.0", 1)
    schedule = keep(project, source, "1.0")
    run(schedule, work)
    add(source, "1.0", 2)
    run(schedule, work)
    image = Image.objects.select_related("project").get()
    restore.restore(image=image, digest=first)
    assert results(run(schedule, work)) == {}
    image = Image.objects.select_related("project").get()
    assert trash.throw_away(image=image, user=None, by_rule=True) is not None
    assert results(run(schedule, work)) == {"1.0": "cleaned"}
    third = add(source, "1.0", 3)
    assert results(run(schedule, work)) == {"1.0": "new"}
    assert Image.objects.get().digest == third
