"""A project's default platforms: who sets them, and what every way in makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.exceptions import FieldErrors
from imageimport.models import ImportTask, Schedule
from projects.defaults.platforms import cleaned
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db
ARM = ["linux/arm64"]
BOTH = ["linux/amd64", "linux/arm64"]


@pytest.fixture
def team() -> Team:
    team = Team.make()
    team.project.platforms = BOTH
    team.project.save()
    return team


def test_platforms_are_written_in_one_form_each_once() -> None:
    assert cleaned(["linux/arm64", "linux/amd64", "linux/arm64"]) == ["linux/arm64", "linux/amd64"]
    with pytest.raises(FieldErrors) as refused:
        cleaned(["linux/amd64", "no platform"])
    assert refused.value.errors.keys() == {"platforms"}


def test_maintainers_set_them_and_nonsense_is_a_field_error() -> None:
    team = Team.make()
    path = f"/projects/{team.project.pk}"
    assert call("GET", path, None, team.bearer("viewer")).json()["platforms"] == []
    assert call("PATCH", path, {"platforms": ARM}, team.bearer("developer")).status_code == 403
    assert call("PATCH", path, {"platforms": ARM}, team.bearer("maintainer")).json()["platforms"] == ARM
    answer = call("PATCH", path, {"platforms": ["plan9"]}, team.bearer("maintainer"))
    assert (answer.status_code, answer.json().keys()) == (400, {"platforms"})
    assert (
        call("POST", "/projects", {"name": "new", "platforms": ["x y"]}, team.bearer("owner")).status_code
        == 400
    )
    made = call("POST", "/projects", {"name": "new", "platforms": ARM}, team.bearer("owner")).json()
    assert made["platforms"] == ARM


def test_the_page_of_limits_sets_them() -> None:
    team = Team.make()
    client = Client()
    client.force_login(team.users["maintainer"])
    page = "/projects/team/settings/limits/"
    assert client.post(page, {"platforms": "linux/amd64, linux/arm64"}).status_code == 302
    team.project.refresh_from_db()
    assert team.project.platforms == BOTH
    assert "linux/amd64, linux/arm64" in client.get(page).content.decode()
    answer = client.post(page, {"platforms": "nonsense"})
    assert (answer.status_code, "nonsense is not a platform" in answer.content.decode()) == (422, True)


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"image_url": "nginx"}, BOTH),
        ({"image_url": "nginx", "platforms": ARM}, ARM),
        ({"image_url": "nginx", "platforms": []}, []),
        ({"image_url": "docker pull --platform linux/s390x nginx"}, ["linux/s390x"]),
    ],
)
def test_an_import_that_names_no_platforms_takes_them(team: Team, body: Any, taken: list[str]) -> None:
    answer = call("POST", f"/projects/{team.project.pk}/images/import", body, team.bearer("developer"))
    assert (answer.status_code, answer.json()["platforms"]) == (202, taken)


@pytest.mark.parametrize(
    ("common", "taken"),
    [({}, [BOTH, ARM, []]), ({"platforms": []}, [[], ARM, []]), ({"platforms": ARM}, [ARM, ARM, []])],
)
def test_the_entries_of_a_batch_take_them_where_neither_they_nor_the_batch_name_any(
    team: Team, common: Any, taken: list[list[str]]
) -> None:
    images = ["nginx", {"image_url": "redis", "platforms": ARM}, {"image_url": "mysql", "platforms": []}]
    path = f"/projects/{team.project.pk}/images/import/batches"
    answer = call("POST", path, {"images": images, **common}, team.bearer("developer"))
    assert [task["platforms"] for task in answer.json()["tasks"]] == taken


def test_the_form_shows_them_ticked_and_takes_what_is_left_ticked(team: Team) -> None:
    client = Client()
    client.force_login(team.users["developer"])
    page = client.get("/projects/team/import/").content.decode()
    assert [f'value="{name}" checked' in page for name in (*BOTH, "linux/386")] == [True, True, False]
    for text, platforms in (("nginx:1", BOTH), ("nginx:2", ARM), ("nginx:3", [])):
        client.post("/projects/team/import/", {"mode": "one", "image_url": text, "platforms": platforms})
        assert ImportTask.objects.get(image_url=text).platforms == platforms
    # As it was shown it is no choice, so what the pasted text names counts.
    pasted = "docker pull --platform linux/s390x nginx:4"
    client.post("/projects/team/import/", {"mode": "one", "image_url": pasted, "platforms": BOTH})
    assert ImportTask.objects.get(target_tag="4").platforms == ["linux/s390x"]


def test_a_schedule_keeps_those_of_its_day_and_a_blank_field_means_all(team: Team) -> None:
    path, headers = f"/projects/{team.project.pk}/schedules", team.bearer("maintainer")
    body = {"image_url": "nginx:1", "cron": "0 3 * * *"}
    made = call("POST", path, body, headers).json()
    assert made["platforms"] == BOTH
    assert call("PATCH", f"{path}/{made['id']}", {"enabled": False}, headers).json()["platforms"] == BOTH
    assert call("PATCH", f"{path}/{made['id']}", {"platforms": []}, headers).json()["platforms"] == []
    client = Client()
    client.force_login(team.users["maintainer"])
    page = client.get("/projects/team/schedules/new/").content.decode()
    assert 'value="linux/amd64, linux/arm64"' in page
    client.post("/projects/team/schedules/new/", {**body, "image_url": "redis:7", "timezone": "UTC"})
    assert Schedule.objects.get(image_url="redis:7").platforms == []
