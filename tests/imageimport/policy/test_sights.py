"""How long a tag has been known here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from imageimport.models import ImportTask, SourceSight
from imageimport.requests import looking
from projects.models import Project, Role
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.policy.judged import ago, image_made, known_for, rule, submit
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def team(source: ScriptedRegistry, target: ScriptedRegistry) -> tuple[User, Project]:
    return member(Role.MAINTAINER)


def test_a_tag_is_as_old_as_its_first_sight_here_whatever_the_image_states(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    image_made(source, "v1", ago(days=1000))
    rule(team[1], requires={"min_seen_days": 7})

    def ended(**more: Any) -> tuple[str, str]:
        task = submit(team, source, **more)
        work()
        task.refresh_from_db()
        return task.status, task.error_code

    assert ended() == ("failed", "refused_by_rule")
    known_for(days=6)
    assert ended() == ("failed", "refused_by_rule")
    assert not target.seen("POST", "/uploads/")
    known_for(days=7)
    assert ended() == ("success", "")
    # Another tag of it, and what the tag names next, are as new as they are.
    image_made(source, "v2", ago(days=1000))
    assert ended(tag="v2") == ("failed", "refused_by_rule")
    image_made(source, "v1", ago(days=999))
    assert ended() == ("failed", "refused_by_rule")


@pytest.mark.parametrize(("days", "ok"), [(7, True), (6, False)])
def test_what_the_project_imported_is_known_since_then(
    team: tuple[User, Project], source: ScriptedRegistry, work: Work, days: int, ok: bool
) -> None:
    image_made(source, "v1", None)
    submit(team, source)
    assert work()[0].status == "success"
    known_for(days=days)
    assert not SourceSight.objects.exists()  # without a rule that asks, nothing is written down
    rule(team[1], requires={"min_seen_days": 7})
    again = submit(team, source, target_name="again")
    work()
    again.refresh_from_db()
    assert (again.status, again.error_code) == (("success", "") if ok else ("failed", "refused_by_rule"))


def test_a_request_ends_before_anyone_is_asked_where_the_tag_is_too_new_here(
    team: tuple[User, Project], source: ScriptedRegistry
) -> None:
    image_made(source, "v1", None)
    rule(team[1], "approve", requires={"min_seen_days": 7})
    for days, status in ((0, "failed"), (7, "requested")):
        known_for(days=days)
        task = submit(team, source)
        looking.look_due()
        task.refresh_from_db()
        assert task.status == status
