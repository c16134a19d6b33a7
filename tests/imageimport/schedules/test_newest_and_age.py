"""Schedules that follow only the newest tags, and only images of some age."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from django.utils import timezone

from imageimport.models import Schedule, ScheduleRun
from imageimport.schedules import services
from projects.models import Project
from stack import sample
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.runs import Work, add, keep, results, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def aged(source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch) -> Aged:
    return Aged(source, monkeypatch)


class Aged:
    """Images that say how old they are."""

    def __init__(self, source: ScriptedRegistry, patch: pytest.MonkeyPatch) -> None:
        self.source, self.patch, self.seed = source, patch, 100

    def add(self, tag: str, days: float) -> None:
        self.say(tag, (timezone.now() - dt.timedelta(days=days)).isoformat())

    def say(self, tag: str, created: str) -> None:
        self.seed += 1
        self.patch.setattr(sample, "CREATED", created)
        add(self.source, tag, self.seed)

    def gets(self) -> int:
        return sum(
            each.method == "GET" and ("/manifests/" in each.path or "/blobs/" in each.path)
            for each in self.source.requests
        )


def _all(source: ScriptedRegistry, tags: Sequence[str]) -> None:
    for seed, tag in enumerate(tags, start=1):
        add(source, tag, seed)


def test_of_the_tags_that_patterns_fit_the_newest_are_followed_and_named_ones_besides(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    _all(source, ["1.9", "1.10", "1.27.1", "1.27", "1.28-rc1", "1.2", "stable", "1.30"])
    made = run(keep(project, source, "stable", "1.2", "1.*", exclude_tags=["1.30"], newest=3))
    assert results(made) == {
        "stable": "new",
        "1.2": "new",
        "1.28-rc1": "new",
        "1.27.1": "new",
        "1.27": "new",
    }
    assert made.checked == 5


def test_an_image_that_is_too_young_waits_and_comes_when_it_is_old_enough(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work, aged: Aged
) -> None:
    aged.add("1.0", 8)
    aged.add("1.1", 2)
    schedule = keep(project, source, "1.*", min_age_days=7)
    made = run(schedule, work)
    assert results(made) == {"1.0": "new", "1.1": "waiting"}
    (waiting,) = [item for item in made.items if item["result"] == "waiting"]
    left = dt.datetime.fromisoformat(waiting["until"]) - timezone.now()
    assert dt.timedelta(days=4.9) < left < dt.timedelta(days=5)
    assert schedule.last_result == {"checked": 2, "imported": 1, "unchanged": 1, "failed": 0}
    before = aged.gets()
    assert results(run(schedule, work)) == {"1.1": "waiting"}
    assert aged.gets() == before, "what is known to be young is not read once more"
    row = ScheduleRun.objects.order_by("-started_at")[0]
    row.items[0]["until"] = (timezone.now() - dt.timedelta(seconds=1)).isoformat()
    row.save()
    aged.add("1.1", 7.1)
    assert results(run(schedule, work)) == {"1.1": "new"}


@pytest.mark.parametrize("created", ["", "yesterday", "2999-01-01T00:00:00Z"])
def test_an_image_that_states_no_moment_or_one_to_come_is_too_young(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, aged: Aged, created: str
) -> None:
    aged.say("1.0", created)
    made = run(keep(project, source, "1.0", min_age_days=1))
    assert results(made) == {"1.0": "waiting"}
    assert made.items[0]["until"] is None


def test_in_the_place_of_a_newest_that_is_too_young_comes_the_one_before_it(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, aged: Aged
) -> None:
    for tag, days in [("1.0", 30), ("1.1", 20), ("1.2", 10), ("1.3", 2), ("1.4", 1)]:
        aged.add(tag, days)
    made = run(keep(project, source, "1.*", newest=2, min_age_days=7))
    assert results(made) == {"1.4": "waiting", "1.3": "waiting", "1.2": "new", "1.1": "new"}
    assert made.checked == 4


def test_what_is_here_already_is_never_too_young(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work, aged: Aged
) -> None:
    aged.add("1.0", 1)
    schedule = keep(project, source, "1.*")
    run(schedule, work)
    schedule.min_age_days = 7
    schedule.save()
    made = run(schedule, work)
    assert (results(made), made.unchanged) == ({}, 1)
    aged.add("1.0", 1)
    assert results(run(schedule, work)) == {"1.0": "waiting"}, "moved to one that is"


def test_a_lower_age_counts_at_once(
    project: Project, aged: Aged, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    aged.add("1.0", days=5)
    schedule = keep(project, source, "1.*", min_age_days=30)
    assert results(run(schedule)) == {"1.0": "waiting"}
    services.update(schedule=schedule, user=schedule.created_by, changes={"min_age_days": 3})
    assert results(run(schedule)) == {"1.0": "new"}


def test_news_of_another_repository_is_none_of_this_one(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    schedule = keep(project, source, "1.*")
    Schedule.objects.filter(pk=schedule.pk).update(gone=["0.9"], newer="2.0")
    schedule.refresh_from_db()
    services.update(schedule=schedule, user=schedule.created_by, changes={"cron": "0 4 * * *"})
    assert Schedule.objects.get().newer == "2.0"
    services.update(schedule=schedule, user=schedule.created_by, changes={"tags": ["7"]})
    changed = Schedule.objects.get()
    assert (changed.gone, changed.newer) == ([], "")
