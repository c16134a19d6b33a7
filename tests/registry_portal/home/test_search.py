"""The search over everything finds what one may see, and nothing else; the API finds the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import imageimport.search
from imageimport.choices import Status
from projects import selectors
from projects.models import Project
from projects.search.trigrams import IMAGES
from registry_portal.home.search import find, pages
from tests.support.factories import TaskFactory
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None) -> Team:
    made = Team.make("team")
    Project.objects.filter(pk=made.project.pk).update(description="All about zebras")
    made.image("zebra/api", "1.4")
    TaskFactory(
        project=made.project, status=Status.PENDING, source_image="quay.io/zebra/api:1.5", target_name="zebra/api",
        target_image="registry.example/team/zebra/api:1.5",
    )  # fmt: skip
    return made


def kinds(team: Team, caller: str, text: str = "zebra") -> dict[str, int]:
    found = find(team.users[caller], text)
    return {
        "projects": len(found.projects),
        "repositories": len(found.repositories),
        "images": len(found.images),
        "imports": len(found.imports),
    }


@pytest.mark.parametrize("caller", ["viewer", "owner", "superuser"])
def test_everything_that_a_member_may_see_is_found(team: Team, caller: str) -> None:
    assert kinds(team, caller) == {"projects": 1, "repositories": 1, "images": 1, "imports": 1}


def test_a_stranger_finds_nothing_of_a_private_project_and_all_of_a_public_one(team: Team) -> None:
    assert not any(kinds(team, "stranger").values())
    Project.objects.filter(pk=team.project.pk).update(visibility=Project.Visibility.PUBLIC)
    assert all(kinds(team, "stranger").values())


def test_a_tag_is_found_by_name_and_tag_and_by_its_digest(team: Team) -> None:
    team.image("zebra/api", "2.0", digest="sha256:" + "c0ffee" * 10 + "0000")
    for text, tags in (
        ("zebra/api:1.4", {"1.4"}),
        ("ZEBRA/API:2", {"2.0"}),
        ("sha256:c0ffee", {"2.0"}),
    ):
        assert {image.tag for image in find(team.users["viewer"], text).images} == tags, text


def test_a_repository_is_found_once_however_many_tags_it_has(team: Team) -> None:
    for number in range(9):
        team.image("zebra/api", f"3.{number}")
    assert find(team.users["viewer"], "zebra").repositories == [("team", "zebra/api")]


def test_the_repositories_that_were_written_last_are_found_first(team: Team) -> None:
    now = timezone.now()
    for number in range(9):
        team.image(f"yak/{number}", "1", updated_at=now - dt.timedelta(minutes=abs(number - 4) * 10 + number))
    found = find(team.users["viewer"], "yak").repositories
    assert [row.repository for row in found] == [f"yak/{number}" for number in (4, 3, 5, 2, 6, 1)]


@pytest.mark.parametrize("caller", ["viewer", "superuser"])
def test_what_many_rows_have_is_sought_among_the_newest(
    team: Team, monkeypatch: pytest.MonkeyPatch, caller: str
) -> None:
    """SQLite would sort all that the projects have, which took two seconds among a million imports."""
    monkeypatch.setattr(selectors, "IMAGES", replace(IMAGES, common=0))
    monkeypatch.setattr(imageimport.search, "TASKS", replace(imageimport.search.TASKS, common=0))
    with CaptureQueriesContext(connection) as asked:
        assert find(team.users[caller], "zebra")
    plans = {}
    with connection.cursor() as cursor:
        for table in ("projects_image", "image_import_tasks"):
            (*_, query) = [each["sql"] for each in asked.captured_queries if f'FROM "{table}"' in each["sql"]]
            cursor.execute(f"EXPLAIN QUERY PLAN {query}")
            plans[table] = [row[3] for row in cursor.fetchall()]
    assert plans["projects_image"][0] == "SCAN projects_image USING INDEX image_newest_all", plans
    assert plans["image_import_tasks"][0] == "SCAN image_import_tasks USING INDEX task_newest_all", plans
    assert not any("TEMP B-TREE" in step for steps in plans.values() for step in steps), plans


def test_pages_are_found_by_their_names_as_far_as_the_role_reaches(team: Team) -> None:
    def named(caller: str, text: str) -> list[tuple[str, str]]:
        return [(hit.project, hit.name) for hit in pages(team.users[caller], text)]

    assert ("team", "Webhooks") in named("maintainer", "webhooks")
    assert named("developer", "webhooks") == []
    assert named("developer", "team import image") == [("team", "Import image")]
    assert named("viewer", "team import image") == []
    assert ("", "Maintenance") in named("superuser", "maintenance")
    assert named("owner", "maintenance") == []
    assert named("superuser", "scanners") == [("", "Scanners")] and named("owner", "scanners") == []


@pytest.mark.parametrize("text", ["", "   ", "\x00", "%", "_", '"', "'; --", "a" * 3000, "*", "NOT"])
def test_no_text_breaks_the_search(team: Team, text: str) -> None:
    found = find(team.users["superuser"], text)
    assert not found.repositories
    client = Client()
    client.force_login(team.users["viewer"])
    assert client.get("/search/", {"search": text}).status_code == 200


def test_the_page_and_the_dialogs_fragment_link_to_what_was_found(team: Team) -> None:
    client = Client(headers={"accept-language": "en"})
    client.force_login(team.users["viewer"])
    whole = client.get("/search/", {"search": "zebra"}).content.decode()
    part = client.get("/search/", {"search": "zebra"}, headers={"hx-request": "true"}).content.decode()
    image = find(team.users["viewer"], "zebra").images[0]
    for text in (whole, part):
        assert f'href="/projects/team/images/{image.pk}/"' in text
        assert 'href="/projects/team/?repository=zebra/api"' in text
    assert "<html" in whole and "<html" not in part
    nothing = client.get("/search/", {"search": "<b>"}).content.decode()
    assert "&lt;b&gt;" in nothing and "<b>" not in nothing


def test_the_api_finds_the_same(team: Team) -> None:
    answer: Any = call("GET", "/search?search=zebra", headers=team.bearer("viewer"))
    body = answer.json()
    assert [row["name"] for row in body["projects"]] == ["team"]
    assert body["repositories"] == [{"project": "team", "repository": "zebra/api"}]
    assert [(row["project"], row["tag"]) for row in body["images"]] == [("team", "1.4")]
    assert [row["source_image"] for row in body["imports"]] == ["quay.io/zebra/api:1.5"]
    other: Any = call("GET", "/search?search=zebra", headers=team.bearer("stranger"))
    assert not any(other.json().values())
    assert call("GET", "/search?search=zebra").status_code == 401
