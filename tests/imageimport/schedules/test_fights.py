"""Schedules and clean-up that fight are shown, and what clean-up took does not come back by itself."""

from __future__ import annotations

import pytest

from imageimport.schedules import fights
from projects.models import Image, Project, RetentionRule
from projects.retention import rules, trash
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.runs import Work, add, keep, results, run
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db(transaction=True)
SYNC = {"image_url": "quay.io/a/app", "target_name": "app", "tags": ["1.*"], "cron": "0 3 * * *"}


def test_both_are_told_when_either_is_saved() -> None:
    team = Team.make()
    base, headers = f"/projects/{team.project.pk}", team.bearer("maintainer")
    made = call("POST", f"{base}/schedules", SYNC, headers).json()
    assert made["warnings"] == []
    rule = call("POST", f"{base}/retention", {"repositories": ["app"], "keep_newest": 3}, headers).json()
    (warning,) = rule["warnings"]
    assert "quay.io/a/app" in warning
    changed = call("PATCH", f"{base}/schedules/{made['id']}", {"cron": "0 4 * * *"}, headers).json()
    (warning,) = changed["warnings"]
    assert "app:*" in warning


@pytest.mark.parametrize(
    "values",
    [
        {"repositories": ["web"], "keep_newest": 1},
        {"tags": ["2.*"], "keep_newest": 1},
        {"keep_newest": 1, "enabled": False},
    ],
)
def test_a_rule_about_other_tags_or_none_fights_nothing(values: dict[str, object]) -> None:
    team = Team.make()
    base, headers = f"/projects/{team.project.pk}", team.bearer("maintainer")
    call("POST", f"{base}/schedules", SYNC, headers)
    assert call("POST", f"{base}/retention", values, headers).json()["warnings"] == []


def test_what_clean_up_took_comes_back_only_when_it_moves_and_the_run_says_so(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    add(source, "1.1", 2)
    schedule = keep(project, source, "1.0", "1.1")
    run(schedule, work)
    (image,) = Image.objects.select_related("project").filter(tag="1.0")
    assert trash.throw_away(image=image, user=None, by_rule=True) is not None
    made = run(schedule, work)
    assert schedule.last_result == {"checked": 2, "imported": 0, "unchanged": 2, "failed": 0}
    assert results(made) == {"1.0": "cleaned"}
    assert not Image.objects.filter(tag="1.0").exists()
    moved = add(source, "1.0", 3)
    made = run(schedule, work)
    assert results(made) == {"1.0": "new"}
    assert Image.objects.get(tag="1.0").digest == moved


def test_what_a_person_deleted_is_synced_again(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    digest = add(source, "1.0", 1)
    schedule = keep(project, source, "1.0")
    run(schedule, work)
    trash.throw_away(image=Image.objects.select_related("project").get(), user=None)
    assert results(run(schedule, work)) == {"1.0": "new"}
    assert Image.objects.get().digest == digest


def test_a_rule_warns_of_nothing_where_the_schedule_was_written_by_hand(project: Project) -> None:
    from imageimport.models import Schedule

    Schedule.objects.create(
        project=project, image_url="quay.io/a/app", tags=["semver:nope"], cron="0 3 * * *"
    )
    rule = RetentionRule(project=project, keep_newest=1)
    assert fights.of_rule(rule) == [] == rules.warnings_of(RetentionRule(project=project, enabled=False))
