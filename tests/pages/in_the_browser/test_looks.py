"""Pages of the sample rows in Chromium: what moves, what is typed, what is copied."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from scripts.pictures.sample_pages import PAGES, Shot
from scripts.pictures.screenshots import sign_in
from tests.pages.conftest import Site

pytestmark = pytest.mark.timeout(240)
LIBRARY = "/projects/library/"


def test_nothing_is_fetched_from_another_site(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sample_site.show(page, Shot("project", LIBRARY))
    page.wait_for_timeout(300)
    assert len(asked) > 5
    assert all(url.startswith((sample_site.url, "data:")) for url in asked)


def test_two_missed_polls_are_said_and_the_last_numbers_stay(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    live = page.locator("#imports-live")
    words = live.get_by_text("Reconnecting…")
    expect(words).to_be_hidden()
    page.route("**/imports/live/**", lambda route: route.abort())
    expect(words).to_be_visible()
    expect(live).to_contain_text("81.0 MiB of 174 MiB")
    page.unroute("**/imports/live/**")
    expect(words).to_be_hidden()


def test_focus_and_open_parts_survive_a_poll(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    sample_site.show(page, Shot("import", LIBRARY + "imports/{running}/"))
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    with page.expect_response("**/live/") as answer:
        pass
    assert answer.value.status == 200
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement.id").startswith("cancel-")


def test_nothing_is_asked_while_nobody_looks(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    asked: list[str] = []

    def note(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_()

    page.wait_for_timeout(200)
    page.route("**/imports/live/**", note)
    page.wait_for_timeout(4500)
    assert not asked
    page.unroute("**/imports/live/**")


def test_keys_open_search_close_and_give_the_focus_back(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    page.keyboard.press("/")
    expect(page.locator("#images-search")).to_be_focused()
    page.locator("#images-search").blur()
    button = page.get_by_role("button", name="Add from URL")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Import image")
    expect(dialog).to_be_visible()
    expect(page.get_by_label("Image URL")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_each_contracted_name_is_there_once(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    page.get_by_role("button", name="Add from URL").click()
    for label in ("Image URL", "Target name", "Target tag", "Username", "Password"):
        assert page.get_by_label(label).count() == 1, label
    dialog = page.get_by_role("dialog", name="Import image")
    for name in ("Start import", "Close"):
        assert dialog.get_by_role("button", name=name).count() == 1, name
    assert dialog.get_by_role("button", name="Cancel").count() == 0
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_the_targets_follow_the_reference_until_one_types(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    page.get_by_role("button", name="Add from URL").click()
    url, name, tag = (page.get_by_label(label) for label in ("Image URL", "Target name", "Target tag"))
    url.fill("ghcr.io/owner/app:v1")
    expect(name).to_have_value("owner/app")
    expect(tag).to_have_value("v1")
    tag.fill("mine")
    url.fill("quay.io/other/thing:v2")
    expect(name).to_have_value("other/thing")
    expect(tag).to_have_value("mine")
    expect(page.locator("[data-reference]")).to_have_text("registry.example.com/library/other/thing:mine")


def test_copying_gives_the_command_and_says_so(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    row = page.locator("#images-list tbody tr", has_text="1.27-alpine")
    row.get_by_role("button", name="Copy pull command").first.click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == "docker pull registry.example.com/library/nginx:1.27-alpine"
    )


def test_search_narrows_while_typing_and_stands_in_the_address(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    page.locator("#images-search").fill("redis")
    rows = page.locator("#images-list tbody tr")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(f"{sample_site.url}{LIBRARY}?search=redis")
    expect(page.locator("#images-search")).to_be_focused()


def test_filters_of_the_history_work_with_the_back_button(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("history", f"{LIBRARY}imports/"))
    page.get_by_text("Canceled", exact=True).first.click()
    expect(page).to_have_url(re.compile(r"/imports/\?search=&status=canceled(?:&\w+=)*$"))
    chips = page.locator("#history-list tbody .chip")
    assert set(chips.all_inner_texts()) == {"Canceled"}
    page.go_back()
    expect(page).to_have_url(f"{sample_site.url}{LIBRARY}imports/")
    expect(page.locator("#history-list")).to_contain_text("Success")


def test_the_theme_needs_no_script_and_does_not_flash(sample_site: Site, browser: Browser) -> None:
    for scheme, dark in (("dark", True), ("light", False)):
        context = browser.new_context(color_scheme="dark" if dark else "light", java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{sample_site.url}/accounts/login/")
        colour = page.locator("body").evaluate("element => getComputedStyle(element).backgroundColor")
        assert (colour == "rgb(14, 17, 22)") is dark, (scheme, colour)
        context.close()


def test_the_language_switch_keeps_the_page(sample_site: Site, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    sign_in(page, sample_site.url, "lars", sample_site.ids)
    page.goto(f"{sample_site.url}{LIBRARY}imports/?status=failed")
    page.get_by_role("button", name="中文").click()
    expect(page).to_have_url(f"{sample_site.url}{LIBRARY}imports/?status=failed")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    context.close()


def test_the_pictures_can_be_taken(sample_site: Site, look: Callable[..., Page], tmp_path: Path) -> None:
    page = look()
    sample_site.show(page, PAGES[0])
    page.screenshot(path=tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 5_000
