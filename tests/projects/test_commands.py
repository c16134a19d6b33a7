"""Each kind of thing is pulled by what can pull it."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.preferences import PULL_CLIENTS
from projects.commands import command_for, pull_commands
from tests.support.content.artifacts import HELM, POLICY
from tests.support.people import Team, call


@pytest.mark.parametrize(
    ("artifact_type", "client", "command"),
    [
        ("", "docker", "docker pull host:5000/team/app:1"),
        ("", "podman", "podman pull host:5000/team/app:1"),
        ("", "unknown", "docker pull host:5000/team/app:1"),
        (HELM, "podman", "helm pull oci://host:5000/team/app --version 1"),
        (POLICY, "docker", "oras pull host:5000/team/app:1"),
    ],
)
def test_a_command_can_pull_what_it_is_for(artifact_type: str, client: str, command: str) -> None:
    assert command_for("host:5000/team/app:1", artifact_type, client) == command


def test_a_charts_version_has_its_plus_sign_back() -> None:
    """A tag can't have one; Helm writes an underscore."""
    assert command_for("h/p/c:1.2.3_build.5", HELM) == "helm pull oci://h/p/c --version 1.2.3+build.5"


@pytest.mark.django_db
def test_the_api_and_the_box_of_commands_say_the_same(settings: Any) -> None:
    settings.REGISTRY_PUBLIC_HOST = "registry.test"
    team = Team.make()
    chart = team.image("podinfo", "6.5.0", artifact_type=HELM)
    image = team.image("app", "1")
    expected = "helm pull oci://registry.test/team/podinfo --version 6.5.0"
    path = f"/projects/{team.project.pk}/images"
    row = call("GET", f"{path}?repository=podinfo", headers=team.bearer("viewer")).json()["results"][0]
    assert row["pull_command"] == expected
    assert pull_commands(chart) == [expected]
    assert len(pull_commands(image)) == len(PULL_CLIENTS)
