"""The OpenAPI document is the same for everyone, and made once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.api import document
from tests.support.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each time that the document is made."""
    found: list[int] = []
    inner: Any = SchemaGenerator.get_schema

    def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        found.append(1)
        return inner(self, *args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counting)
    document._document.cache_clear()
    return found


def ask(client: Client | None = None, **query: str) -> Any:
    return (client or Client()).get("/api/schema", {"format": "json", **query})


def test_whoever_asks_however_often_it_is_made_once(made: list[int]) -> None:
    person = Client()
    person.force_login(make_user("ann", superuser=True), "django.contrib.auth.backends.ModelBackend")
    answers = {ask(client).content for client in (Client(), person, Client())}
    assert len(answers) == 1
    assert len(made) == 1
    assert json.loads(answers.pop())["paths"]["/api/v1/projects"]


def test_its_json_is_no_longer_than_it_must_be() -> None:
    """A browser takes longest with it, and on a busy machine half a minute, when most of it is blanks."""
    content = ask().content.decode()
    least = json.dumps(json.loads(content), ensure_ascii=False, separators=(",", ":"))
    assert len(content) == len(least)


def test_invented_languages_and_media_types_make_no_more_of_it(made: list[int]) -> None:
    for number in range(20):
        ask(lang=f"x{number}", version=f"{number}")
        Client().get("/api/schema", headers={"Accept": f"application/json; indent={number}"})
    assert len(made) <= 2


def test_each_language_and_form_has_its_own() -> None:
    english, chinese = ask(lang="en"), ask(lang="zh-hans")
    assert "json" in english.headers["Content-Type"]
    assert (english.headers["Content-Language"], chinese.headers["Content-Language"]) == ("en", "zh-hans")
    assert ask(lang="zh-hans").content == chinese.content
    yaml = Client().get("/api/schema")
    assert yaml.headers["Content-Type"].startswith("application/vnd.oai.openapi")
    assert yaml.content.startswith(b"openapi: 3")
    assert "Registry Portal" in yaml.headers["Content-Disposition"]
