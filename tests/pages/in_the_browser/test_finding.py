"""Finding one's way with the keyboard: the search over everything, pasted lists, boxes of lists."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from scripts.pictures.sample_pages import Shot
from tests.pages.conftest import Site

pytestmark = pytest.mark.timeout(240)
LIBRARY = "/projects/library/"
EVERY_COLUMN = ("digest", "platforms", "size", "updated_at", "source", "last_pulled_at")


def test_keys_open_the_search_choose_and_follow(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    sample_site.show(page, Shot("account", "/accounts/"))
    page.keyboard.press("Control+k")
    finder = page.get_by_role("dialog", name="Search")
    expect(finder.get_by_label("Search everything")).to_be_focused()
    page.keyboard.type("prometheus")
    links = finder.get_by_role("link")
    expect(links.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(links.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(finder.get_by_label("Search everything")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/projects/library/\?repository=prometheus/prometheus$"))


def test_enter_opens_only_what_was_found_for_the_text_that_stands_there(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    sample_site.show(page, Shot("account", "/accounts/"))
    page.keyboard.press("Control+k")
    page.keyboard.type("prometheus")
    expect(page.locator("#finder-found a").first).to_be_visible()
    field = page.get_by_label("Search everything")
    press = "(field, keys) => field.dispatchEvent(new KeyboardEvent('keydown', keys))"
    keys = {"key": "Enter", "isComposing": True, "bubbles": True, "cancelable": True}
    assert field.evaluate(press, keys), "it chooses a character"
    field.evaluate("field => field.dispatchEvent(new Event('keydown', {bubbles: true}))")
    assert not failures, "a browser that fills a field in names no key"

    def hold_back(route: Route) -> None:
        if "hx-request" not in route.request.headers:
            route.continue_()

    page.route("**/search/?*", hold_back)
    page.keyboard.type("x")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/search/\?search=prometheusx$"))


def test_a_search_without_an_answer_says_so_until_the_next_one(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("account", "/accounts/"))
    page.route("**/search/?*", lambda route: route.abort())
    page.keyboard.press("Control+k")
    page.keyboard.type("prometheu")
    finder = page.get_by_role("dialog", name="Search")
    expect(finder.get_by_role("alert")).to_have_text("The portal is not responding. Try again.")
    page.unroute("**/search/?*")
    page.keyboard.type("s")
    expect(finder.get_by_role("link").first).to_be_visible()
    expect(finder.get_by_role("alert")).to_be_hidden()


def test_a_slash_opens_it_where_a_page_has_no_search_of_its_own(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("account", "/accounts/"))
    page.keyboard.press("/")
    finder = page.get_by_role("dialog", name="Search")
    expect(finder).to_be_visible()
    page.keyboard.press("Escape")
    expect(finder).to_be_hidden()


def test_i_opens_the_import_form_where_there_is_one_and_leads_to_it_elsewhere(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    dialog = page.get_by_role("dialog", name="Import image")
    for keys in ("Shift+I", "Control+i", "Alt+i"):
        page.keyboard.press(keys)
    page.get_by_role("searchbox").first.focus()
    page.keyboard.press("i")
    expect(dialog).to_be_hidden()
    page.locator("main").focus()
    page.keyboard.press("i")
    expect(dialog).to_be_visible()
    expect(page.get_by_label("Image URL")).to_be_focused()
    page.keyboard.press("i")
    expect(page.get_by_label("Image URL")).to_have_value("i")
    sample_site.show(page, Shot("schedules", f"{LIBRARY}schedules/"))
    page.keyboard.press("i")
    page.wait_for_url(re.compile(r"/projects/library/import/$"))
    sample_site.show(page, Shot("account", "/accounts/"))
    page.keyboard.press("i")
    page.wait_for_url(re.compile(r"/#start-image$"))
    expect(page.get_by_label("Import image")).to_be_focused()


def test_a_question_mark_lists_the_keys_which_can_be_turned_off(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("account", "/accounts/"))
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_contain_text("Search everything")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.get_by_role("link", name="Keyboard shortcuts").click()
    keys.get_by_role("button", name="Turn off single keys").click()
    expect(page.locator("body[data-keys-off]")).to_be_attached()
    for key in ("?", "i", "/"):
        page.keyboard.press(key)
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.url.endswith("/accounts/")
    page.get_by_role("link", name="Keyboard shortcuts").click()
    keys.get_by_role("button", name="Turn on single keys").click()
    expect(page.locator("body:not([data-keys-off])")).to_be_attached()
    page.keyboard.press("?")
    expect(keys).to_be_visible()


def test_several_pasted_lines_are_a_list(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    page.get_by_role("button", name="Add from URL").click()
    page.evaluate("navigator.clipboard.writeText('nginx:1.27\\nredis:7.4\\n')")
    page.get_by_label("Image URL").press("Control+v")
    expect(page.get_by_label("List of images")).to_have_value("nginx:1.27\nredis:7.4\n")
    expect(page.locator("#import-reading-many")).to_contain_text("2 images")
    page.keyboard.press("Escape")


def test_one_box_ticks_all_and_tells_when_some_are_ticked(
    sample_site: Site, look: Callable[..., Page]
) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    boxes = page.locator("input[form=images-bulk][name=image]")
    every = page.get_by_label("Select all")
    every.check()
    assert boxes.count() == page.locator("input[form=images-bulk][name=image]:checked").count() > 1
    boxes.first.uncheck()
    assert every.evaluate("box => box.indeterminate")


def test_columns_are_chosen_on_a_phone_and_stay(sample_site: Site, look: Callable[..., Page]) -> None:
    page = look()
    page.set_viewport_size({"width": 360, "height": 800})
    sample_site.show(page, Shot("project", LIBRARY))
    labels = page.locator("#images-list tbody tr").first.locator("td[data-label]")
    expect(labels).to_have_count(4)
    page.locator("#image-columns summary").click()
    for column in ("Digest", "Size", "Updated"):
        page.locator("#image-columns label", has_text=column).click()
        expect(page.locator(f"#images-list td[data-label={column}]")).to_have_count(0)
    page.locator("#image-columns label", has_text="Source").click()
    expect(page.locator("#images-list td[data-label=Source]").nth(1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.reload()
    names = labels.evaluate_all("cells => cells.map(cell => cell.dataset.label)")
    assert names == ["OS/ARCH", "Source"]
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.locator("#images-list thead th")).to_have_count(4)
    address = page.url
    page.goto(f"{address}?{'&'.join(f'columns={name}' for name in EVERY_COLUMN)}")
    assert page.locator(".table-wrap").evaluate("box => box.scrollWidth <= box.clientWidth")
    # Others look at the same list in this session.
    page.goto(f"{address}?{'&'.join(f'columns={name}' for name in EVERY_COLUMN[:4])}")
