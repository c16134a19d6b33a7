"""A configuration with an account of its own."""

from __future__ import annotations

import pytest
import yaml

from projects.models import Robot
from projects.token_service.authentication import identify
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


def test_a_configuration_comes_with_a_new_robot(team: Team) -> None:
    path, headers = f"/projects/{team.project.pk}/client-config?for=k3s", team.bearer("maintainer")
    # What can't be made makes no account either.
    assert call("POST", f"{path}&registries=docker", {"name": "nodes"}, headers).status_code == 400
    assert not Robot.objects.exists()
    made = call("POST", path, {"name": "nodes"}, headers)
    assert (made.status_code, made["Content-Type"], made["Cache-Control"]) == (
        201,
        "text/plain; charset=utf-8",
        "no-store",
    )
    robot = Robot.objects.get(project=team.project)
    assert robot.access == Robot.Access.PULL
    (auth,) = [each["auth"] for each in yaml.safe_load(made.content)["configs"].values()]
    assert auth["username"] == robot.login
    assert identify(**auth).robot == robot
    again = call("POST", path, {"name": "nodes"}, headers)
    assert (again.status_code, set(again.json())) == (400, {"name"})
