"""Who sees which page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.pages.conftest import htmx
from tests.support.factories import TaskFactory
from tests.support.people import CALLERS, Team

As = Callable[..., Client]

#: Pages by the least role that may open them.
PAGES = {
    "/projects/team/": "viewer",
    "/projects/team/images/": "viewer",
    "/projects/team/imports/": "viewer",
    "/projects/team/batches/": "viewer",
    "/projects/team/schedules/": "viewer",
    "/projects/team/settings/": "viewer",
    "/projects/team/import/": "developer",
    "/projects/team/import/reading/": "developer",
    "/projects/team/schedules/new/": "maintainer",
    "/projects/team/settings/members/new/": "maintainer",
    "/projects/team/settings/credentials/new/": "maintainer",
    "/projects/team/settings/webhooks/new/": "maintainer",
    "/projects/team/settings/robots/new/": "maintainer",
    "/projects/team/settings/journal/": "maintainer",
    "/projects/team/settings/project/": "owner",
    "/projects/team/settings/delete/": "owner",
}
_ORDER = ("viewer", "developer", "maintainer", "owner", "superuser")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("caller", CALLERS)
def test_each_page_opens_to_its_role_and_those_above(as_: As, path: str, caller: str) -> None:
    answer = as_(caller).get(path)
    if caller == "anonymous":
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/?next=/projects/team/")
    elif caller == "stranger":
        assert answer.status_code == 404
    else:
        allowed = _ORDER.index(caller) >= _ORDER.index(PAGES[path])
        assert answer.status_code == (200 if allowed else 403)


def test_a_public_project_is_read_by_everyone_who_signed_in_and_changed_by_members_only(
    as_: As, team: Team
) -> None:
    team.project.visibility = "public"
    team.project.save()
    stranger = as_("stranger")
    page = stranger.get("/projects/team/").content.decode()
    assert "Reader (public project)" in page
    assert "Add from URL" not in page
    assert stranger.get("/projects/team/import/").status_code == 403


def test_what_a_role_can_never_do_is_not_shown(as_: As, team: Team) -> None:
    team.image()
    TaskFactory(project=team.project, target_name="app")
    for caller, offered in (("viewer", False), ("developer", True)):
        page = as_(caller).get("/projects/team/").content.decode()
        assert ("Add from URL" in page) is offered
        assert ("Cancel" in page) is offered
        assert "Delete" not in page
    assert "Delete team" not in as_("maintainer").get("/projects/team/settings/").content.decode()
    assert "Delete app:1" in as_("maintainer").get("/projects/team/").content.decode()


def test_a_fragment_asked_for_after_the_session_ended_sends_the_page_to_sign_in(as_: As) -> None:
    answer = htmx(
        as_("anonymous"),
        "get",
        "/projects/team/imports/live/",
        hx_current_url="http://testserver/projects/team/?search=x",
    )
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == "/accounts/login/?next=/projects/team/%3Fsearch%3Dx"


def test_another_projects_rows_are_not_there(as_: As, team: Team) -> None:
    other = Team.make("other")
    task = TaskFactory(project=other.project)
    image = other.image()
    client = as_("superuser")
    assert client.get(f"/projects/other/imports/{task.pk}/").status_code == 200
    assert client.get(f"/projects/team/imports/{task.pk}/").status_code == 404
    assert client.post(f"/projects/team/imports/{task.pk}/cancel/").status_code == 404
    assert client.get(f"/projects/team/images/{image.pk}/").status_code == 404
    assert client.get(f"/projects/team/images/{image.pk}/delete/").status_code == 404


def test_changes_need_the_csrf_token(team: Team) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(team.users["owner"])
    assert client.post("/projects/team/import/", {"image_url": "nginx"}).status_code == 403
    page = client.post("/projects/team/import/", {"image_url": "nginx"}).content.decode()
    assert "This form has expired or was sent from another site" in page
