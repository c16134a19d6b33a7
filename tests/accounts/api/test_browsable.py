"""The API in a browser."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils.html import escape

from tests.support.people import Team

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}


@pytest.fixture
def team() -> Team:
    return Team.make()


@pytest.fixture
def reader(team: Team) -> Client:
    client = Client(headers=HTML)
    client.force_login(team.users["owner"])
    return client


def links(page: str, within: str = "main") -> list[str]:
    part = re.search(rf"<{within}[ >].*?</{within.split(maxsplit=1)[0]}>", page, re.DOTALL)
    assert part is not None
    return [url.replace("&amp;", "&") for url in re.findall(r'href="([^"]+)"', part[0])]


def test_every_step_on_the_way_up_is_an_address(reader: Client, team: Team) -> None:
    deep = f"/api/v1/projects/{team.project.pk}/images/import"
    page = reader.get(deep).content.decode()
    crumbs = links(page, 'nav aria-label="Parent resources"')
    project = f"/api/v1/projects/{team.project.pk}"
    assert crumbs == ["/api/v1", "/api/v1/projects", project, f"{project}/images", deep]
    for url in crumbs:
        assert reader.get(url).status_code == 200, url
    assert "No Such Address" not in page


def test_a_project_leads_to_all_that_it_has_and_a_list_to_its_rows(reader: Client, team: Team) -> None:
    listed = reader.get("/api/v1/projects").content.decode()
    project = f"/api/v1/projects/{team.project.pk}"
    assert project in links(listed)
    below = [url for url in links(reader.get(project).content.decode()) if url.startswith(f"{project}/")]
    ends = {url.removeprefix(f"{project}/") for url in below}
    assert {"images", "images/import", "members", "schedules", "credentials", "webhooks", "robots"} <= ends
    for url in below:
        assert reader.get(url).status_code == 200, url


def test_where_there_is_nothing_nothing_is_offered(reader: Client) -> None:
    answer = reader.get("/api/v1/nowhere")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "<textarea" not in page
    assert "data-method" not in page
    assert "/api/v1" in links(page)


def test_who_is_signed_out_is_shown_where_to_sign_in(client: Client) -> None:
    answer = client.get("/api/v1/projects?page_size=5", headers=HTML)
    assert answer.status_code == 401
    page = answer.content.decode()
    assert "/accounts/login/?next=/api/v1/projects%3Fpage_size%3D5" in links(page)
    assert "<textarea" not in page


def test_forms_are_for_those_who_may_send_them(team: Team) -> None:
    path = f"/api/v1/projects/{team.project.pk}"
    found = {}
    for caller in ("owner", "viewer"):
        client = Client(headers=HTML)
        client.force_login(team.users[caller])
        found[caller] = set(re.findall(r'data-method="(\w+)"', client.get(path).content.decode()))
    assert found == {"owner": {"PATCH", "DELETE"}, "viewer": set()}


def test_the_pages_speak_and_look_like_the_portal(reader: Client, team: Team) -> None:
    for path in ("/api/v1", "/api/v1/projects", "/api/docs"):
        page = reader.get(path, headers={"accept-language": "en"}).content.decode()
        assert '<html lang="en"' in page, path
        assert 'href="/"' in page, path
        assert "Registry Portal" in page, path
        assert "Django REST framework" not in page, path
        dark = Client(headers=HTML)
        dark.force_login(team.users["owner"])
        dark.cookies["portal_theme"] = "dark"
        assert 'data-bs-theme="dark"' in dark.get(path).content.decode(), path


def test_an_answer_is_shown_as_text(reader: Client, team: Team) -> None:
    team.project.description = "<script>alert(1)</script>"
    team.project.save()
    page = reader.get("/api/v1/projects").content.decode()
    assert "<script>alert" not in page
    assert escape("<script>alert(1)</script>") in page
