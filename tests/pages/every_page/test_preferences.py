"""Language, theme and pull client: kept in the browser, and in the profile once signed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Profile
from tests.support.people import Team

As = Callable[..., Client]
LOGIN = "/accounts/login/"


def test_the_browsers_language_is_taken_until_one_is_chosen(db: None) -> None:
    client = Client(headers={"accept-language": "zh-CN,zh;q=0.9"})
    page = client.get(LOGIN).content.decode()
    assert '<html lang="zh-Hans"' in page
    assert "用户名" in page
    client.post("/preferences/language/", {"language": "en", "next": LOGIN})
    page = client.get(LOGIN).content.decode()
    assert '<html lang="en"' in page
    assert "Username" in page


def test_every_page_has_the_switch_to_the_other_language(as_: As, team: Team) -> None:
    for path in ("/", "/projects/team/", "/accounts/", "/projects/nowhere/"):
        assert "中文" in as_("viewer").get(path).content.decode()
        assert "English" in as_("viewer", language="zh-hans").get(path).content.decode()


def test_the_profile_remembers_what_was_chosen(as_: As, team: Team) -> None:
    client = as_("viewer")
    client.post("/preferences/language/", {"language": "zh-hans"})
    client.post("/preferences/theme/", {"theme": "dark"})
    client.post("/preferences/pull-client/", {"pull_client": "podman"})
    profile = Profile.objects.get(user=team.users["viewer"])
    assert (profile.language, profile.theme, profile.pull_client) == ("zh-hans", "dark", "podman")
    page = client.get("/projects/team/").content.decode()
    assert 'data-bs-theme="dark"' in page
    assert "从 URL 添加" not in page  # a viewer has no such button
    assert as_("viewer").get("/projects/team/").content.decode().count("镜像") > 0


def test_the_pull_command_follows_the_chosen_client(as_: As, team: Team) -> None:
    team.image()
    client = as_("viewer")
    client.post("/preferences/pull-client/", {"pull_client": "nerdctl"})
    assert 'data-copy="nerdctl pull ' in client.get("/projects/team/").content.decode()


def test_without_a_choice_of_theme_the_system_decides(db: None) -> None:
    assert "data-bs-theme" not in Client().get(LOGIN).content.decode()


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [("language", "language", "tlh"), ("theme", "theme", "pink"), ("pull-client", "pull_client", "rm -rf")],
)
def test_what_is_no_choice_is_refused(db: None, path: str, field: str, value: str) -> None:
    assert Client().post(f"/preferences/{path}/", {field: value}).status_code == 400
    assert Client().get(f"/preferences/{path}/").status_code == 405


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_way_back_leads_to_this_site_only(db: None, target: str) -> None:
    answer = Client().post("/preferences/theme/", {"theme": "dark", "next": target})
    assert answer["Location"] == "/"


def test_single_keys_are_turned_off_and_on_in_this_browser(as_: As, team: Team) -> None:
    client = as_("viewer")
    assert "data-keys-off" not in client.get("/").content.decode()
    answer = client.post("/keys/", {"keys": "off"}, headers={"referer": "http://testserver/projects/"})
    assert (answer.status_code, answer.headers["location"]) == (302, "http://testserver/projects/")
    page = client.get("/").content.decode()
    assert "data-keys-off" in page
    assert 'aria-keyshortcuts="i"' not in page
    assert "Turn on single keys" in client.get("/keys/").content.decode()
    assert "data-keys-off" not in as_("viewer").get("/").content.decode()
    client.post("/keys/", {"keys": "on"})
    assert "data-keys-off" not in client.get("/").content.decode()


def test_the_menu_leads_to_an_import_where_the_reader_may_start_one(as_: As, team: Team) -> None:
    link = 'id="start-import" href="{}"'.format
    there, home = link("/projects/team/import/"), link("/#start-image")
    for path in ("/projects/team/", "/projects/team/settings/", "/projects/team/schedules/"):
        assert there in as_("developer").get(path).content.decode()
    assert home in as_("viewer").get("/projects/team/").content.decode()
    assert home in as_("developer").get("/projects/").content.decode()
