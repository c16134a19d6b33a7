"""Rules of clean-up in the API."""

from __future__ import annotations

from typing import Any

import pytest

from projects.models import RetentionRule
from projects.retention import rules, trash
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "keep_newest"),
        ({"keep_newest": 0}, "keep_newest"),
        ({"keep_newest": 1, "tags": ["semver:nope"]}, "tags"),
        ({"keep_newest": 1, "repositories": ["UPPER"]}, "repositories"),
        ({"keep_newest": 1, "order": "luck"}, "order"),
    ],
)
def test_a_rule_that_makes_no_sense_is_a_field_error(body: dict[str, Any], field: str) -> None:
    team = Team.make()
    answer = call("POST", f"/projects/{team.project.pk}/retention", body, team.bearer("maintainer"))
    assert answer.status_code == 400 and field in answer.json()


def test_rules_have_a_limit_and_are_of_their_project() -> None:
    team, other = Team.make(), Team.make("other")
    RetentionRule.objects.bulk_create(
        RetentionRule(project=team.project, keep_newest=1) for _ in range(rules.MAX_RULES)
    )
    answer = call(
        "POST", f"/projects/{team.project.pk}/retention", {"keep_newest": 1}, team.bearer("maintainer")
    )
    assert answer.json()["code"] == "too_many_rules"
    mine = RetentionRule.objects.first()
    assert mine is not None
    path = f"/projects/{other.project.pk}/retention/{mine.pk}"
    assert call("DELETE", path, headers=other.bearer("owner")).status_code == 404
    assert trash.trash_of(other.project).count() == 0
