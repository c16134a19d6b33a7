"""Pages as a person meets them: signed-in clients by role, and whole sample projects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from playwright.sync_api import Browser, Page

from projects.registry import health
from scripts.pictures.sample_pages import Shot
from scripts.pictures.screenshots import sign_in, site
from testbed.portal import seed_database
from tests.support.fresh import fresh_memory
from tests.support.people import Team

__all__ = ["fresh_memory"]


@pytest.fixture(autouse=True)
def _registry_is_there(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test of a page waits for a registry that nobody started."""
    caches["local"].clear()
    monkeypatch.setattr(health, "_knock", lambda _url: True)
    yield
    caches["local"].clear()


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


@pytest.fixture
def as_(team: Team) -> Callable[..., Client]:
    """A client signed in as one of the team's callers; ``as_("viewer", language="zh-hans")``."""

    def sign_in(caller: str, *, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        if caller != "anonymous":
            client.force_login(team.users[caller])
        return client

    return sign_in


def htmx(client: Client, method: str, url: str, data: dict[str, Any] | None = None, **headers: str) -> Any:
    """A request as htmx makes it."""
    sent = {"hx-request": "true", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return getattr(client, method)(url, data or {}, headers=sent)


@dataclass(frozen=True, slots=True)
class Site:
    """The web process of a portal on sample rows, for browsers."""

    url: str
    ids: dict[str, str]
    database: Path

    def show(self, page: Page, shot: Shot) -> None:
        """Open the page of a picture, as for the picture."""
        sign_in(page, self.url, shot.user, self.ids)
        page.goto(self.url + shot.path.format(**self.ids))
        shot.act(page)


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("sample-site")
    seed_database(directory / "data", tables)
    with site(directory) as (url, ids):
        yield Site(url, ids, directory / "data" / "portal.sqlite3")


@pytest.fixture(scope="module")
def look(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A page that stays signed in from test to test of a file: ``look("dark", width=360)``.

    Not longer: an open page goes on asking for news every two seconds.
    """
    open_pages: dict[tuple[str, int, str], Page] = {}

    def found(theme: str = "light", width: int = 1280, locale: str = "en-GB") -> Page:
        key = (theme, width, locale)
        if key not in open_pages:
            context = browser.new_context(
                color_scheme="dark" if theme == "dark" else "light",
                viewport={"width": width, "height": 800},
                locale=locale,
                permissions=["clipboard-read", "clipboard-write"],
            )
            open_pages[key] = context.new_page()
        # What a test before held back would be held back from this one, too.
        open_pages[key].unroute_all(behavior="ignoreErrors")
        return open_pages[key]

    yield found
    for page in open_pages.values():
        page.context.close()
