"""Filters of lists, kept and used on the pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from projects.models import SavedFilter
from tests.support.factories import TaskFactory
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


def client_of(team: Team, caller: str) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(team.users[caller])
    return client


def save(client: Client, **values: str) -> Any:
    whole = {
        "list": "imports",
        "name": "Broken",
        "query": "status=failed&search=nginx&page_size=100&before=x",
    }
    return client.post("/projects/team/filters/", {**whole, **values})


def test_a_filter_is_kept_and_leads_to_the_list_as_it_was(team: Team) -> None:
    TaskFactory(project=team.project)
    client = client_of(team, "viewer")
    answer = save(client)
    assert answer.headers["Location"] == "/projects/team/imports/?status=failed&search=nginx"
    page = client.get("/projects/team/imports/").content.decode()
    assert 'href="/projects/team/imports/?status=failed&amp;search=nginx"' in page and "Broken" in page
    save(client, query="status=canceled")
    assert SavedFilter.objects.get().query == "status=canceled", "the same name is the same filter"


def test_the_list_of_images_has_its_own(team: Team) -> None:
    team.image("app", "1")
    client = client_of(team, "viewer")
    answer = save(client, list="images", name="Large", query="order=-size&search=app&status=failed")
    assert answer.headers["Location"] == "/projects/team/?search=app&order=-size"
    assert ">Large<" in client.get("/projects/team/").content.decode().replace("</svg>", ">")
    assert "Large" not in client.get("/projects/team/imports/").content.decode()


def test_nobody_sees_or_deletes_anothers(team: Team) -> None:
    save(client_of(team, "viewer"))
    row = SavedFilter.objects.get()
    other = client_of(team, "owner")
    assert "Broken" not in other.get("/projects/team/imports/?status=failed").content.decode()
    other.post(f"/projects/team/filters/{row.pk}/delete/")
    assert SavedFilter.objects.filter(pk=row.pk).exists()
    own = client_of(team, "viewer").post(f"/projects/team/filters/{row.pk}/delete/")
    assert own.headers["Location"] == "/projects/team/imports/"
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"query": ""},
        {"query": "page_size=100"},
        {"name": ""},
        {"name": "x" * 61},
        {"query": "search=" + "x" * 1200},
    ],
)
def test_what_is_no_filter_or_has_no_name_is_refused(team: Team, values: dict[str, str]) -> None:
    save(client_of(team, "viewer"), **values)
    assert not SavedFilter.objects.exists()
    save(client_of(team, "viewer"), list="nonsense")
    assert not SavedFilter.objects.exists()
