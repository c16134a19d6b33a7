"""Which language an answer is in, and what a stranger's cookies cost."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from accounts.models import Profile
from tests.support.people import Team, bearer, call, make_user

pytestmark = pytest.mark.django_db

CHINESE = '<html lang="zh-Hans"'


def signed_in(language: str) -> Client:
    user = make_user("ann")
    Profile.objects.create(user=user, language=language)
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def test_the_profiles_language_goes_before_the_browsers() -> None:
    page = signed_in("zh-hans").get("/accounts/", headers={"Accept-Language": "en"})
    assert CHINESE in page.content.decode()


def test_what_was_chosen_in_this_browser_goes_before_the_profiles() -> None:
    client = signed_in("zh-hans")
    client.cookies["django_language"] = "en"
    assert CHINESE not in client.get("/accounts/").content.decode()


def test_without_a_choice_the_browser_decides() -> None:
    page = signed_in("").get("/accounts/", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert CHINESE in page.content.decode()


def test_a_language_that_there_is_not_changes_nothing() -> None:
    assert signed_in("xx").get("/accounts/").status_code == 200


def test_the_api_follows_accept_language_alone() -> None:
    client = Client()
    client.cookies["django_language"] = "zh-hans"
    headers = {**bearer(make_user("bob")), "Accept-Language": "en"}
    answer = client.get("/api/v1/auth/tokens?page_size=x", headers=headers)
    assert answer.headers["Content-Language"] == "en"
    assert answer.json() == {"page_size": ["Enter a whole number of at least 1."]}


def test_nobody_keeps_what_a_person_was_shown() -> None:
    team = Team.make()
    image = team.image()
    client = Client()
    client.force_login(team.users["owner"], "django.contrib.auth.backends.ModelBackend")
    base = f"/api/v1/projects/{team.project.pk}"
    for path in (
        "/", "/projects/team/", "/projects/team/imports/", "/projects/team/settings/", "/accounts/", "/nowhere/",
        base, f"{base}/images/{image.pk}", f"{base}/audit?format=csv",
    ):  # fmt: skip
        said = client.get(path).headers["Cache-Control"]
        assert "no-store" in said and "private" in said, path
    by_token = call("GET", f"/projects/{team.project.pk}", headers=team.bearer("owner"))
    assert by_token.headers["Cache-Control"] == "private, no-store"
    assert "Cache-Control" not in Client().get("/healthz").headers


@pytest.mark.parametrize("unit", ["\\", "\\a", "\\0"])
def test_cookies_of_backslashes_take_no_time(unit: str) -> None:
    """As long as all headers of a request may be together. Python 3.11.7 took ten seconds for one."""
    cookie = 'x="' + unit * (60_000 // len(unit)) + '"; django_language=zh-hans'
    began = time.process_time()
    page = Client().get("/accounts/login/", headers={"Cookie": cookie})
    assert time.process_time() - began < 3
    assert CHINESE in page.content.decode()
