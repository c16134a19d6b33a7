"""Making, finding and changing projects."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from projects.models import AuditEvent, Membership
from tests.support.people import Team, bearer, call, make_user

pytestmark = pytest.mark.django_db


def test_whoever_makes_a_project_owns_it() -> None:
    user = make_user("ann")
    answer = call(
        "POST", "/projects", {"name": "web", "description": "d", "visibility": "public"}, bearer(user)
    )
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {
        *(
            "id",
            "name",
            "description",
            "visibility",
            "language",
            "bandwidth",
            "window",
            "naming",
            "platforms",
            "retention_cron",
            "trash_days",
            "default_action",
            "requests_from",
            "request_days",
            "four_eyes",
            "first_pull",
            "first_pull_fresh_seconds",
            "role",
            "image_count",
            "created_at",
        )
    }
    assert (body["role"], body["image_count"], body["visibility"]) == ("owner", 0, "public")
    assert body["created_at"].endswith("Z")
    assert Membership.objects.get().user == user
    assert AuditEvent.objects.get().action == "project.created"


def test_a_project_is_private_unless_said_otherwise() -> None:
    answer = call("POST", "/projects", {"name": "web"}, bearer(make_user("ann")))
    assert answer.json()["visibility"] == "private"


def test_owners_choose_the_language_of_messages() -> None:
    team = Team.make("web")
    path, chosen = f"/projects/{team.project.pk}", {"language": "zh-hans"}
    assert call("GET", path, None, team.bearer("viewer")).json()["language"] == "en"
    assert call("PATCH", path, chosen, team.bearer("maintainer")).status_code == 403
    assert call("PATCH", path, chosen, team.bearer("owner")).json()["language"] == "zh-hans"
    assert AuditEvent.objects.get(action="project.changed").detail == chosen
    assert call("PATCH", path, {"language": "xx"}, team.bearer("owner")).json().keys() == {"language"}


def test_a_project_keeps_its_name() -> None:
    team = Team.make("web")
    path, owner = f"/projects/{team.project.pk}", team.bearer("owner")
    answer = call("PATCH", path, {"name": "other"}, owner)
    assert answer.status_code == 400
    assert list(answer.json()) == ["name"]
    assert (
        call("PATCH", path, {"name": "web", "visibility": "public"}, owner).json()["visibility"] == "public"
    )


def test_everyone_lists_what_he_may_read() -> None:
    private, public = Team.make("private"), Team.make("public", visibility="public")
    private.image()
    private.image(tag="2")
    seen = {
        caller: {
            row["name"]: row
            for row in call("GET", "/projects", headers=private.bearer(caller)).json()["results"]
        }
        for caller in ("stranger", "viewer", "superuser")
    }
    assert seen["stranger"].keys() == {"public"}
    assert seen["stranger"]["public"]["role"] is None
    assert seen["viewer"].keys() == {"private", "public"}
    assert (seen["viewer"]["private"]["role"], seen["viewer"]["private"]["image_count"]) == ("viewer", 2)
    assert {row["role"] for row in seen["superuser"].values()} == {"owner"}
    assert public.project.pk


def test_a_blocked_member_sees_nothing() -> None:
    team = Team.make()
    headers = team.bearer("owner")
    team.users["owner"].is_active = False
    team.users["owner"].save()
    assert call("GET", f"/projects/{team.project.pk}", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("search=eb", {"web"}),
        ("search=shop", {"web"}),
        ("name=api", {"api"}),
        ("visibility=public", {"api"}),
        ("name=", set()),
        ("search=", {"api", "web"}),
    ],
)
def test_the_list_is_filtered(query: str, names: set[str]) -> None:
    user = make_user("ann")
    headers = bearer(user)
    call("POST", "/projects", {"name": "web", "description": "the shop"}, headers)
    call("POST", "/projects", {"name": "api", "visibility": "public"}, headers)
    found = call("GET", f"/projects?{query}", headers=headers).json()["results"]
    assert {row["name"] for row in found} == names


@pytest.mark.parametrize("query", ["search=%00", "visibility=none", "name=%00"])
def test_a_filter_that_makes_no_sense_is_a_field_error(query: str) -> None:
    answer = call("GET", f"/projects?{query}", headers=bearer(make_user("ann")))
    assert answer.status_code == 400
    assert list(answer.json()) == [query.partition("=")[0]]


def test_a_longer_list_takes_no_more_queries() -> None:
    user = make_user("ann")
    headers = bearer(user)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert call("GET", "/projects", headers=headers).status_code == 200
        return len(captured)

    queries()
    for number in range(3):
        call("POST", "/projects", {"name": f"p{number}"}, headers)
    few = queries()
    for number in range(20):
        call("POST", "/projects", {"name": f"q{number}"}, headers)
    assert queries() == few


def test_maintainers_say_how_fast_and_when_and_owners_all_else() -> None:
    team = Team.make()
    path, headers = f"/projects/{team.project.pk}", team.bearer("maintainer")
    answer = call("PATCH", path, {"bandwidth": 20_000_000, "window": "22:00-06:00 Asia/Shanghai"}, headers)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["bandwidth"], answer.json()["window"]) == (20_000_000, "22:00-06:00 Asia/Shanghai")
    assert AuditEvent.objects.get(action="project.changed").detail["bandwidth"] == 20_000_000
    for body in ({"description": "d"}, {"bandwidth": None, "visibility": "public"}):
        assert call("PATCH", path, body, headers).status_code == 403
    assert call("PATCH", path, {"bandwidth": None, "window": ""}, headers).json()["bandwidth"] is None
    assert call("PATCH", path, {"bandwidth": 5000}, team.bearer("developer")).status_code == 403
    for wrong in (
        {"bandwidth": 0},
        {"bandwidth": "x"},
        {"window": "at night"},
        {"window": "10:00-11:00 Mars"},
    ):
        refused = call("PATCH", path, wrong, headers)
        assert (refused.status_code, list(refused.json())) == (400, list(wrong))
