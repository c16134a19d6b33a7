"""What may be said of a rule, and of requests for approval."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return Team.make()


def post(team: Team, route: str, body: Any = None, caller: str = "maintainer") -> Any:
    return call("POST", f"/projects/{team.project.pk}{route}", body or {}, team.bearer(caller))


def patch(team: Team, body: Any, caller: str) -> Any:
    return call("PATCH", f"/projects/{team.project.pk}", body, team.bearer(caller))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "perhaps"}, "action"),
        ({"requires": {"max_layers": 5}}, "requires"),
        ({"requires": {"platforms": ["nonsense"]}}, "requires"),
        ({"requires": {"max_bytes": -1}}, "requires"),
        ({"requires": {"signed_by": ["x"]}}, "requires"),
        ({"sources": "docker.io/*"}, "sources"),
        ({"sources": ["docker.io/* ghcr.io/*"]}, "sources"),
        ({"position": 0}, "position"),
        ({"name": ""}, "name"),
    ],
)
def test_what_a_rule_cannot_mean_is_a_field_error(team: Team, body: Any, field: str) -> None:
    answer = post(team, "/rules", {"name": "R", "action": "refuse", **body})
    assert answer.status_code == 400
    assert list(answer.json()) == [field]


def test_an_unknown_requirement_is_told_in_a_sentence(team: Team) -> None:
    answer = post(team, "/rules", {"name": "R", "action": "refuse", "requires": {"max_layers": 5}})
    assert answer.json() == {"requires": {"max_layers": ["The portal doesn't know this requirement."]}}


@pytest.mark.parametrize("days", [0, 366, -1])
def test_the_days_of_a_request_have_bounds(team: Team, days: int) -> None:
    assert patch(team, {"request_days": days}, "owner").status_code == 400
