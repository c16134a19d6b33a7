"""Members, tokens, the keyboard, and what one sees while an import moves; on sample rows, without workers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, Browser, Page, Playwright, expect

from scripts.pictures.sample_pages import Shot
from scripts.pictures.screenshots import sign_in
from tests.pages.browser import LOCALES, NAMES
from tests.pages.conftest import Site

pytestmark = pytest.mark.timeout(240)
LIBRARY = "/projects/library/"
IMPORT = LIBRARY + "imports/{running}/"
Look = Callable[..., Page]


@pytest.fixture(params=["en", "zh-hans"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def say(language: str) -> Callable[[str], str]:
    return NAMES[language].__getitem__


@contextmanager
def changed(site: Site, table: str, where: str, **values: Any) -> Iterator[None]:
    """A row's columns say something else meanwhile, as when a worker has written them."""
    names = list(values)
    with closing(sqlite3.connect(site.database, timeout=20)) as database:
        kept = database.execute(f"SELECT {', '.join(names)} FROM {table} WHERE {where}").fetchone()  # noqa: S608

        def write(row: Any) -> None:
            assignments = ", ".join(f"{name} = ?" for name in names)
            database.execute(f"UPDATE {table} SET {assignments} WHERE {where}", tuple(row))  # noqa: S608
            database.commit()

        write(values.values())
        try:
            yield
        finally:
            write(kept)


#: What an import lets go of when it ends.
NO_LEASE: dict[str, Any] = {"lease_owner": "", "lease_expires_at": None}


def running(site: Site) -> str:
    return f"id = '{site.ids['running'].replace('-', '')}'"


# --- members and tokens ------------------------------------------------------------------------------


def test_a_member_is_added_gets_another_role_and_is_removed(
    sample_site: Site, browser: Browser, look: Look, language: str, say: Callable[[str], str]
) -> None:
    project = "payments" if language == "en" else "data-platform"
    page = look(locale=LOCALES[language])
    guest = browser.new_context(locale=LOCALES[language]).new_page()
    sign_in(guest, sample_site.url, "noor", sample_site.ids)
    found = guest.goto(f"{sample_site.url}/projects/{project}/")
    assert found and found.status == 404
    sample_site.show(page, Shot("settings", f"/projects/{project}/settings/"))
    page.get_by_role("link", name=say("add_member")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(say("username")).fill("nobody-of-this-name")
    dialog.get_by_role("button", name=say("add_member")).click()
    expect(dialog.locator("#member-username-error")).to_be_visible()
    dialog.get_by_label(say("username")).fill("noor")
    dialog.get_by_label(say("role")).select_option(label=say("viewer"))
    dialog.get_by_role("button", name=say("add_member")).click()
    role = page.get_by_label(say("role_of"))
    expect(role).to_have_value("viewer")
    guest.reload()
    expect(guest.get_by_role("heading", level=1)).to_have_text(project)
    expect(guest.get_by_role("button", name=say("add"))).to_have_count(0)
    with page.expect_navigation():
        role.select_option(label=say("developer"))
    expect(role).to_have_value("developer")
    guest.reload()
    expect(guest.get_by_role("button", name=say("add"))).to_be_visible()
    refused = guest.goto(f"{sample_site.url}/projects/{project}/settings/journal/")
    assert refused and refused.status == 403
    expect(guest.get_by_role("main")).to_contain_text(say("maintainer"))
    page.get_by_role("button", name=say("remove")).click()
    page.get_by_role("dialog").get_by_role("button", name=say("remove")).click()
    expect(page.get_by_label(say("role_of"))).to_have_count(0)
    found = guest.goto(f"{sample_site.url}/projects/{project}/")
    assert found and found.status == 404
    guest.context.close()


def test_a_token_is_shown_once_works_and_is_revoked(
    sample_site: Site, look: Look, playwright: Playwright, language: str, say: Callable[[str], str]
) -> None:
    page = look(locale=LOCALES[language])
    sample_site.show(page, Shot("account", "/accounts/"))
    name = f"pipeline-{language}"
    if page.locator("#new-token").get_attribute("open") is None:
        page.get_by_text(say("new_token"), exact=True).click()
    page.locator("#new-token").get_by_label(say("token_name")).fill(name)
    page.get_by_role("button", name=say("create_token")).click()
    token = page.locator(".secret-once").inner_text()
    api = playwright.request.new_context(base_url=sample_site.url, ignore_https_errors=True)
    assert projects_by(api, token) == 200
    page.goto(f"{sample_site.url}/accounts/")
    expect(page.locator(".secret-once")).to_have_count(0)
    assert token not in page.content()
    row = page.get_by_role("row").filter(has_text=name)
    row.get_by_role("button", name=say("revoke")).click()
    page.get_by_role("dialog").get_by_role("button", name=say("revoke")).click()
    expect(row).to_have_count(0)
    assert projects_by(api, token) == 401
    api.dispose()


def projects_by(api: APIRequestContext, token: str) -> int:
    return api.get("/api/v1/projects", headers={"Authorization": f"Bearer {token}"}).status


# --- the keyboard alone ------------------------------------------------------------------------------


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the control with this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("name => (document.activeElement.innerText || '').trim() === name", wanted):
            return
    raise AssertionError(f"{wanted!r} is not reached by Tab")


def test_an_import_is_started_and_canceled_by_keys_alone(
    sample_site: Site, look: Look, language: str, say: Callable[[str], str]
) -> None:
    page = look(locale=LOCALES[language])
    sample_site.show(page, Shot("project", "/projects/fresh/"))
    tab_to(page, say("add"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=say("dialog"))
    expect(dialog.get_by_label(say("url"))).to_be_focused()
    page.keyboard.type(f"ghcr.io/owner/{language}:1")
    expect(dialog.get_by_label(say("name"))).to_have_value(f"owner/{language}")
    if language == "en":
        tab_to(page, say("start"))
    page.keyboard.press("Enter")  # In a field it starts the import, too.
    expect(dialog).to_be_hidden()
    card = page.get_by_role("article", name=f"owner/{language}:1")
    expect(card).to_be_visible()
    tab_to(page, say("cancel"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=say("keep"))).to_be_focused()
    tab_to(page, say("stop"))
    page.keyboard.press("Enter")
    expect(card).to_have_count(0)
    page.goto(f"{sample_site.url}/projects/fresh/imports/")
    expect(page.get_by_role("row").filter(has_text=f"owner/{language}:1")).to_contain_text(say("canceled"))


def test_what_is_focused_is_seen(sample_site: Site, look: Look) -> None:
    """Every stop of the Tab key on the project page has an outline or a border of another colour."""
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    seen = 0
    for _ in range(25):
        page.keyboard.press("Tab")
        style = page.evaluate(
            """() => { const style = getComputedStyle(document.activeElement);
            return [document.activeElement.tagName, style.outlineStyle, style.outlineWidth, style.boxShadow] }"""
        )
        assert style[1] != "none" or style[3] != "none", style
        seen += 1
    assert seen == 25


# --- while an import moves ---------------------------------------------------------------------------

#: Places of everything that has a border, a bar or a button; text within its line may grow.
_BOXES = """() => [...document.querySelectorAll(
    'main :is(h1, h2, .panel, progress, button, .numbers, .stages, table, tr, td)')]
    .map(part => { const box = part.getBoundingClientRect();
        return [part.tagName, part.id, box.x, box.y + scrollY, box.width, box.height].join(' ') })"""

#: What a worker writes while the bytes move: few digits and many, a rate and none, an end in sight or not.
_MOMENTS = (
    {"bytes_done": 9 * 1024, "rate": 0, "eta_seconds": None, "bytes_reused": 0},
    {"bytes_done": 123 * 1024 * 1024, "rate": 987_654_321, "eta_seconds": 7_300, "bytes_reused": 12_582_912},
    {"bytes_done": 173 * 1024 * 1024, "rate": 1_000, "eta_seconds": 1, "bytes_reused": 12_582_912},
)


def test_nothing_jumps_while_the_numbers_change(sample_site: Site, look: Look) -> None:
    """An import's page, the same on a phone and in Chinese, and the project's on a phone: side by side, since each
    waits for its polls."""
    pages = {
        "an import": (look(), IMPORT),
        "an import on a phone, in Chinese": (look(width=360, locale="zh-CN"), IMPORT),
        "the project on a phone": (look(width=360), LIBRARY),
    }
    for page, path in pages.values():
        sample_site.show(page, Shot("moving", path))
    places: dict[str, list[Any]] = {name: [] for name in pages}
    numbers: dict[str, set[str]] = {name: set() for name in pages}
    for moment in _MOMENTS:
        with changed(sample_site, "image_import_tasks", running(sample_site), **moment):
            with ExitStack() as polls:
                for page, _path in pages.values():
                    polls.enter_context(page.expect_response("**/live/**"))
            for name, (page, _path) in pages.items():
                page.wait_for_timeout(250)
                places[name].append(page.evaluate(_BOXES))
                numbers[name].add(page.locator(".numbers").first.inner_text())
    for name in pages:
        assert len(numbers[name]) == len(_MOMENTS), (name, numbers[name])
        for later in places[name][1:]:
            assert [(a, b) for a, b in zip(places[name][0], later, strict=True) if a != b] == [], name


def test_a_layer_that_begins_to_move_moves_no_row(sample_site: Site, look: Look) -> None:
    page = look()
    sample_site.show(page, Shot("moving", IMPORT))
    before = page.evaluate(_BOXES)
    where = f"task_{running(sample_site)} AND state = 'waiting'"
    with closing(sqlite3.connect(sample_site.database)) as database:
        layer = database.execute(f"SELECT id FROM image_import_layers WHERE {where}").fetchone()[0]  # noqa: S608
    with changed(
        sample_site, "image_import_layers", f"id = {layer!r}", state="copying", bytes_done=5 * 1024 * 1024
    ):
        expect(page.locator("table.layers .chip-blue")).to_have_count(2)
        page.wait_for_timeout(250)
        assert page.evaluate(_BOXES) == before


def test_the_end_is_announced_and_the_pull_command_stands_where_the_bar_was(
    sample_site: Site, look: Look, language: str, say: Callable[[str], str]
) -> None:
    """In English on the project page, in Chinese on the import's own."""
    path = LIBRARY if language == "en" else IMPORT
    page = look(locale=LOCALES[language])
    sample_site.show(page, Shot("ending", path))
    live = page.locator("#announcer")
    expect(live).to_have_attribute("aria-live", "polite")
    ended = None if path == LIBRARY else "2026-11-24 12:00:00"
    values: dict[str, Any] = {"status": "success", "stage": "done", "progress": 100, "completed_at": ended}
    values |= NO_LEASE
    if ended is None:
        # The project page shows what has just arrived.
        with closing(sqlite3.connect(sample_site.database)) as database:
            values["completed_at"] = database.execute("SELECT datetime('now', '+10 minutes')").fetchone()[0]
    with changed(sample_site, "image_import_tasks", running(sample_site), **values):
        expect(live).to_contain_text(say("imported"))
        expect(live).to_contain_text("grafana/grafana:11.2.0")
        scope = (
            page.get_by_role("article", name="grafana/grafana:11.2.0")
            if ended is None
            else page.locator("main")
        )
        expect(scope).to_contain_text("docker pull registry.example.com/library/grafana/grafana:11.2.0")
        expect(scope.locator("progress[data-progress]")).to_have_count(0)
