"""The journal in the API."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from accounts.caller import acting_as
from projects import audit
from projects.api.audit import AuditViewSet
from projects.models import Role
from tests.accounts.api.test_pagination import NOWHERE
from tests.support.people import CALLERS, Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    made = Team.make()
    with acting_as(made.users["developer"]):
        for subject in ("one", "two", "=cmd|' /C calc'!A0"):
            audit.record_event(
                action="import.created", project=made.project, subject=subject, detail={"target": "x"}
            )
    with acting_as(made.users["owner"]):
        audit.record_event(action="member.added", project=made.project, subject="someone")
    other = Team.make("other")
    with acting_as(other.users["owner"]):
        audit.record_event(action="import.created", project=other.project, subject="theirs")
    return made


@pytest.mark.parametrize("caller", CALLERS)
def test_maintainers_read_it(team: Team, caller: str) -> None:
    answer = call("GET", f"/projects/{team.project.pk}/audit", None, team.bearer(caller))
    expected = {"anonymous": 401, "stranger": 404, Role.VIEWER: 403, Role.DEVELOPER: 403}
    assert answer.status_code == expected.get(caller, 200)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_writes_it(team: Team, method: str) -> None:
    answer = call(method, f"/projects/{team.project.pk}/audit", {}, team.bearer("superuser"))
    assert answer.status_code == 405


def test_it_is_the_projects_own_newest_first_and_can_be_narrowed(team: Team) -> None:
    where, headers = f"/projects/{team.project.pk}/audit", team.bearer("maintainer")
    rows = call("GET", where, None, headers).json()["results"]
    assert [row["subject"] for row in rows] == ["someone", "=cmd|' /C calc'!A0", "two", "one"]
    assert set(rows[0]) == {"id", "at", "actor", "action", "subject", "detail", "address"}
    narrowed = call("GET", f"{where}?action=member.added", None, headers).json()["results"]
    assert [row["actor"] for row in narrowed] == ["team-owner"]
    assert len(call("GET", f"{where}?actor=team-developer", None, headers).json()["results"]) == 3
    assert call("GET", f"{where}?before=2000-01-01T00:00:00Z", None, headers).json()["results"] == []
    today = timezone.localdate().isoformat()
    of_today = call("GET", f"{where}?after={today}&before={today}", None, headers).json()["results"]
    assert of_today == call("GET", where, None, headers).json()["results"] != []
    assert call("GET", f"{where}?after=yesterday", None, headers).status_code == 400


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
@pytest.mark.parametrize("bound", ["after", "before"])
@pytest.mark.parametrize("moment", [*NOWHERE, "0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_a_moment_that_is_none_in_utc_is_a_field_error(
    team: Team, settings: Any, zone: str, bound: str, moment: str
) -> None:
    settings.TIME_ZONE = zone
    where = f"/projects/{team.project.pk}/audit?{bound}={quote(moment)}"
    answer = call("GET", where, None, team.bearer("maintainer"))
    wrong = moment in NOWHERE or (zone, moment[:4]) == ("Asia/Shanghai", "0001")
    assert answer.status_code == (400 if wrong else 200)
    assert not wrong or list(answer.json()) == [bound]


def test_as_csv_it_is_whole_and_without_formulas(team: Team) -> None:
    answer = call(
        "GET", f"/projects/{team.project.pk}/audit?format=csv&page_size=1", None, team.bearer("owner")
    )
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["subject"] for row in rows] == ["someone", "'=cmd|' /C calc'!A0", "two", "one"]
    assert rows[1]["detail"] == '{"target": "x"}'


def test_a_list_that_is_too_long_for_a_file_is_refused_and_not_cut(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, headers = f"/projects/{team.project.pk}/audit?format=csv", team.bearer("owner")
    monkeypatch.setattr(AuditViewSet, "csv_rows", 4)
    assert len(call("GET", where, None, headers).content.splitlines()) == 1 + 4
    monkeypatch.setattr(AuditViewSet, "csv_rows", 3)
    answer = call("GET", where, None, headers)
    assert answer.status_code == 422 and "too_many_rows" in answer.content.decode()
    assert "more than 3 rows" in answer.content.decode()


def test_an_error_asked_for_as_csv_is_still_an_error(team: Team) -> None:
    answer = call("GET", f"/projects/{team.project.pk}/audit?format=csv", None, team.bearer("viewer"))
    assert answer.status_code == 403
    assert "permission_denied" in answer.content.decode()
