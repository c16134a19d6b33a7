"""First pull in the settings, on the project page, and over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from projects.models import AuditEvent, Project
from tests.support.people import Team, bearer

As = Callable[..., Client]
SETTINGS = "/projects/team/settings/"
LINE = "/team/docker.io/library/nginx:1.27"


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_maintainer_turns_first_pull_on_and_the_log_says_so(as_: As, team: Team, settings: Any) -> None:
    settings.FIRST_PULL_MISSING = ""
    client = as_("maintainer")
    assert 'id="first-pull"' in text(client.get(SETTINGS))
    values = {"first_pull": "developer", "first_pull_fresh_seconds": "60"}
    answer = client.post(SETTINGS + "first-pull/", values)
    assert answer["Location"] == SETTINGS + "#first-pull"
    project = Project.objects.get()
    assert (project.first_pull, project.first_pull_fresh_seconds) == ("developer", 60)
    assert "Developers and robot accounts that can push" in text(client.get(SETTINGS))
    written = AuditEvent.objects.get(action="project.changed")
    assert written.detail == {"first_pull": "developer", "first_pull_fresh_seconds": 60}
    assert as_("developer").post(SETTINGS + "first-pull/", values).status_code == 403
    wrong = client.post(SETTINGS + "first-pull/", {"first_pull": "all", "first_pull_fresh_seconds": "-1"})
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("no_nginx", "this server has no nginx"),
        ("registry_auth", "doesn&#x27;t use the portal&#x27;s tokens"),
        ("no_front", "no front proxy is configured"),
    ],
)
def test_where_pulls_import_nothing_the_settings_say_why(
    as_: As, team: Team, settings: Any, why: str, said: str
) -> None:
    settings.FIRST_PULL_MISSING = why
    page = text(as_("maintainer").get(SETTINGS)).replace("&#39;", "&#x27;").replace("'", "&#x27;")
    assert said in page


def test_the_project_page_has_the_line_where_it_works(as_: As, team: Team, settings: Any) -> None:
    settings.FIRST_PULL_MISSING = ""
    client = as_("viewer")
    assert LINE not in text(client.get("/projects/team/"))
    Project.objects.update(first_pull="viewer")
    assert LINE in text(client.get("/projects/team/"))
    settings.FIRST_PULL_MISSING = "no_nginx"
    assert LINE not in text(client.get("/projects/team/"))


def test_maintainers_set_it_over_the_api(team: Team) -> None:
    url = f"/api/v1/projects/{team.project.pk}"

    def patch(role: str, body: dict[str, Any]) -> Any:
        headers = bearer(team.users[role])
        return Client().patch(url, body, content_type="application/json", headers=headers)

    assert patch("developer", {"first_pull": "viewer"}).status_code == 403
    changed = patch("maintainer", {"first_pull": "viewer", "first_pull_fresh_seconds": 0})
    assert changed.status_code == 200, changed.content
    assert (changed.json()["first_pull"], changed.json()["first_pull_fresh_seconds"]) == ("viewer", 0)
    for wrong in (
        {"first_pull": "owner"},
        {"first_pull_fresh_seconds": -1},
        {"first_pull_fresh_seconds": 10**9},
    ):
        assert patch("maintainer", wrong).status_code == 400, wrong
