"""Failures repaired in the dialog, questions in the page's own box, and polls that leave the reader's place alone."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from scripts.pictures.sample_pages import Shot
from tests.pages.browser import LOCALES, NAMES
from tests.pages.conftest import Site
from tests.pages.in_the_browser.test_flows import IMPORT, LIBRARY, NO_LEASE, changed, running

pytestmark = pytest.mark.timeout(240)
Look = Callable[..., Page]
FRESH = "/projects/fresh/"


@pytest.fixture(params=["en", "zh-hans"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def say(language: str) -> Callable[[str], str]:
    return NAMES[language].__getitem__


def write(site: Site, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(site.database, timeout=20)) as database:
        database.execute(statement, values)
        database.commit()


def fail(site: Site, name: str, code: str) -> None:
    """The waiting import to this target has failed, as when a worker has written it."""
    write(
        site,
        "UPDATE image_import_tasks SET status = 'failed', error = 'No.', error_code = ?, completed_at = "
        "datetime('now') WHERE target_name = ? AND status = 'pending'",
        code,
        name,
    )


def failed_card(site: Site, page: Page, say: Callable[[str], str], image: str, code: str) -> Any:
    """A failed import of ``image`` in the empty project, and its card."""
    page.get_by_role("button", name=say("add")).click()
    page.get_by_label(say("url")).fill(image)
    page.get_by_role("button", name=say("start")).click()
    name = image.split("/", 1)[1]
    card = page.get_by_role("article", name=name)
    expect(card).to_be_visible()
    fail(site, name.partition(":")[0], code)
    page.reload()
    return card


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.name || document.activeElement.id"))


def test_a_private_image_is_repaired_in_the_dialog(
    sample_site: Site, look: Look, language: str, say: Callable[[str], str]
) -> None:
    page = look(locale=LOCALES[language])
    sample_site.show(page, Shot("fresh", FRESH))
    image = f"r.example/repair/{language}:1"
    card = failed_card(sample_site, page, say, image, "unauthorized")
    card.get_by_role("link", name=say("edit")).click()
    dialog = page.get_by_role("dialog", name=say("dialog"))
    expect(dialog.get_by_label(say("url"))).to_have_value(image)
    expect(dialog.get_by_label(say("name"))).to_have_value(f"repair/{language}")
    expect(dialog.get_by_label(say("username"))).to_be_focused()
    page.keyboard.type("ann")
    dialog.get_by_label(say("password")).fill("secret")
    dialog.get_by_role("button", name=say("start")).click()
    expect(dialog).to_be_hidden()
    expect(card).to_have_count(1)
    expect(card).not_to_contain_text(say("failed"))
    page.get_by_role("button", name=say("add")).click()
    expect(dialog.get_by_label(say("url"))).to_have_value("")
    expect(dialog.locator("[name=again]")).to_have_count(0)
    page.keyboard.press("Escape")


def test_another_tag_is_picked_by_typing_it_and_the_target_follows(
    sample_site: Site, look: Look, language: str, say: Callable[[str], str]
) -> None:
    page = look(locale=LOCALES[language])
    sample_site.show(page, Shot("fresh", FRESH))
    card = failed_card(sample_site, page, say, f"r.example/pick/{language}:1.72", "not_found")
    card.get_by_role("link", name=f"{say('pick')}").click()
    dialog = page.get_by_role("dialog", name=say("dialog"))
    expect(dialog.get_by_label(say("url"))).to_be_focused()
    page.keyboard.type("1.27")
    expect(dialog.get_by_label(say("url"))).to_have_value(f"r.example/pick/{language}:1.27")
    expect(dialog.get_by_label(say("tag"))).to_have_value("1.27")
    dialog.get_by_role("button", name=say("start")).click()
    expect(page.get_by_role("article", name=f"pick/{language}:1.27")).to_be_visible()
    expect(card).to_have_count(0)


def test_an_import_is_edited_on_its_own_page_and_leads_to_the_new_one(sample_site: Site, look: Look) -> None:
    page, say = look(), NAMES["en"].__getitem__
    sample_site.show(page, Shot("fresh", FRESH))
    card = failed_card(sample_site, page, say, "r.example/own/page:1", "unauthorized")
    card.get_by_role("link", name="own/page:1").click()
    before = page.url
    page.get_by_role("link", name=say("edit")).click()
    dialog = page.get_by_role("dialog", name=say("dialog"))
    dialog.get_by_label(say("tag")).fill("mine")
    dialog.get_by_role("button", name=say("start")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("own/page:mine")
    assert page.url != before


def test_a_saved_credential_is_chosen_while_typing_until_the_reader_says_none(
    sample_site: Site, look: Look
) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    page.get_by_role("button", name="Add from URL").click()
    dialog = page.get_by_role("dialog", name="Import image")
    url, saved = dialog.get_by_label("Image URL"), dialog.get_by_label("Saved credential")
    words = dialog.locator("[data-chosen]")
    url.fill("ghcr.io/owner/app:1")
    expect(saved.locator("option:checked")).to_contain_text("ghcr.io")
    expect(words).to_be_visible()
    url.fill("quay.io/owner/app:1")
    expect(saved).to_have_value("")
    expect(words).to_be_hidden()
    url.fill("ghcr.io/owner/app:1")
    expect(words).to_be_visible()
    dialog.get_by_text("Many", exact=True).click()
    expect(saved).to_have_value("")
    dialog.get_by_text("One", exact=True).click()
    expect(words).to_be_visible()
    saved.select_option("")
    expect(words).to_be_hidden()
    url.fill("ghcr.io/owner/app:2")
    expect(dialog.get_by_label("Target tag")).to_have_value("2")
    expect(saved).to_have_value("")
    page.keyboard.press("Escape")


def test_a_refused_image_with_a_saved_credential_has_it_chosen_and_the_focus(
    sample_site: Site, look: Look
) -> None:
    page = look()
    sample_site.show(page, Shot("project", LIBRARY))
    card = page.get_by_role("article", name="owner/private-service:v1.4.0")
    card.get_by_role("link", name="Edit and retry").click()
    saved = page.get_by_role("dialog").get_by_label("Saved credential")
    expect(saved).to_be_focused()
    expect(saved.locator("option:checked")).to_contain_text("ghcr.io")
    expect(page.locator("[data-chosen]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(card.get_by_role("link", name="Edit and retry")).to_be_focused()


# --- questions ------------------------------------------------------------------------------------------


def test_cancel_asks_in_the_pages_own_words_and_keeps_running_when_told_so(
    sample_site: Site, look: Look, language: str, say: Callable[[str], str]
) -> None:
    page = look(locale=LOCALES[language])
    native: list[str] = []

    def noted(dialog: Dialog) -> None:
        native.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", noted)
    sample_site.show(page, Shot("moving", IMPORT))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name=say("cancel"), exact=True).click()
    box = page.get_by_role("dialog")
    expect(box).to_contain_text("grafana/grafana:11.2.0")
    with page.expect_response("**/live/**"):
        pass  # A poll behind it takes nothing away.
    box.get_by_role("button", name=say("keep"), exact=True).click()
    expect(box).to_be_hidden()
    expect(page.get_by_role("button", name=say("cancel"), exact=True)).to_be_focused()
    page.get_by_role("button", name=say("cancel"), exact=True).click()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    assert not asked
    status = {"status": "running", "message": "Pulling the image"}
    with changed(sample_site, "image_import_tasks", running(sample_site), **status):
        page.get_by_role("button", name=say("cancel"), exact=True).click()
        with page.expect_response("**/live/**"):
            pass
        box.get_by_role("button", name=say("stop"), exact=True).click()
        expect(page.get_by_role("button", name=say("cancel"), exact=True)).to_have_count(0)
        assert len(asked) == 1
    assert not native


def test_a_roll_back_asks_in_the_pages_own_box(sample_site: Site, look: Look) -> None:
    page = look()
    sample_site.show(page, Shot("image", LIBRARY + "images/{image}/"))
    page.get_by_role("button", name="Roll back").click()
    box = page.get_by_role("dialog", name="Roll back?")
    expect(box).to_contain_text("Roll nginx:1.27-alpine back to sha256:")
    box.get_by_role("button", name="Keep as is").click()
    expect(box).to_be_hidden()
    page.get_by_role("button", name="Roll back").click()
    # What the answer would be is not looked at here, and the registry of these rows lets it wait.
    page.route("**/restore/", lambda route: route.fulfill(status=204))
    with page.expect_request(lambda request: request.url.endswith("/restore/")) as sent:
        box.get_by_role("button", name="Roll back").click()
    assert "digest=sha256" in (sent.value.post_data or "")


# --- the line of failures -------------------------------------------------------------------------------


@pytest.mark.parametrize("polls", [False, True], ids=["at rest", "polling"])
def test_the_line_of_failures_stays_open_while_one_is_dismissed_after_the_other(
    sample_site: Site, look: Look, browser: Browser, polls: bool
) -> None:
    page = look()
    sample_site.show(page, Shot("fresh", FRESH))
    folder = f"fold-{polls}".lower()

    def start(name: str) -> None:
        page.get_by_role("button", name="Add from URL").click()
        page.get_by_label("Image URL").fill(f"r.example/{folder}/{name}:1")
        page.get_by_role("button", name="Start import").click()
        expect(page.get_by_role("article", name=f"{folder}/{name}:1")).to_be_visible()

    def card(on: Page, name: str) -> Locator:
        return on.get_by_role("article", name=f"{folder}/{name}:1")

    for name in ("one", "two", "three", "four"):
        start(name)
        fail(sample_site, f"{folder}/{name}", "unreachable")
    if polls:
        start("waiting")
    page.reload()
    page.get_by_text("4 imports need attention").click()
    card(page, "two").get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("3 imports need attention")).to_be_visible()
    page.wait_for_timeout(200)
    expect(card(page, "one")).to_be_visible()

    plain = browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state())
    without_scripts = plain.new_page()
    without_scripts.goto(page.url)
    expect(card(without_scripts, "one")).to_be_hidden()
    without_scripts.get_by_text("3 imports need attention").click()
    card(without_scripts, "four").get_by_role("button", name="Dismiss").click()
    expect(without_scripts.get_by_text("2 imports need attention")).to_be_visible()
    expect(card(without_scripts, "one")).to_be_visible()
    plain.close()

    page.reload()
    page.get_by_role("button", name="Dismiss all").click()
    expect(page.locator("#need-attention")).to_have_count(0)


# --- what a poll leaves alone ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", [IMPORT, LIBRARY], ids=["an import", "the project"])
def test_a_selection_and_the_focus_survive_polls_while_the_numbers_change(
    sample_site: Site, look: Look, path: str
) -> None:
    page = look()
    sample_site.show(page, Shot("moving", path))
    scope = page.locator("[data-live]")
    cancel = scope.get_by_role("button", name="Cancel", exact=True).first
    cancel.focus()
    page.evaluate(
        """() => { const name = document.querySelector('[data-live] .mono');
        name.same = true; getSelection().selectAllChildren(name) }"""
    )
    chosen = page.evaluate("getSelection().toString()")
    assert "grafana" in chosen
    numbers = set()
    for done in (100, 120, 140):
        with changed(sample_site, "image_import_tasks", running(sample_site), bytes_done=done * 1024 * 1024):
            expect(scope.locator(".numbers").first).to_contain_text(f"{done} MiB")
            numbers.add(scope.locator(".numbers").first.inner_text())
    assert len(numbers) == 3
    assert page.evaluate("getSelection().toString()") == chosen
    assert page.evaluate("document.activeElement.id").startswith("cancel-")
    assert page.evaluate("document.querySelector('[data-live] .mono').same") is True


def test_the_title_follows_and_polls_end_with_the_import(sample_site: Site, look: Look) -> None:
    page = look()
    sample_site.show(page, Shot("moving", IMPORT))
    expect(page).to_have_title("44 % · grafana/grafana:11.2.0 · Registry Portal")
    with changed(sample_site, "image_import_tasks", running(sample_site), progress=61):
        expect(page).not_to_have_title("44 % · grafana/grafana:11.2.0 · Registry Portal")
        assert page.title() == "61 % · grafana/grafana:11.2.0 · Registry Portal"
    ended = {"status": "success", "stage": "done", "completed_at": "2026-11-24 12:00:00", **NO_LEASE}
    with changed(sample_site, "image_import_tasks", running(sample_site), **ended):
        expect(page).to_have_title("grafana/grafana:11.2.0 · Import · Registry Portal")
        polls: list[str] = []
        page.on("request", lambda request: polls.append(request.url))
        page.wait_for_timeout(4_500)  # Two polls would have come.
        assert not polls


def icon_of(page: Page) -> str:
    return str(page.locator("link[rel=icon]").get_attribute("href")).rpartition("/")[2].partition(".")[0]


def test_the_icon_of_the_tab_says_that_an_import_runs_and_how_it_ended_until_one_leaves(
    sample_site: Site, look: Look
) -> None:
    page = look()
    icon = page.locator("link[rel=icon]")
    sample_site.show(page, Shot("moving", IMPORT))
    assert icon_of(page) == "favicon-running"
    assert page.request.get(sample_site.url + str(icon.get_attribute("href"))).ok
    for status, name in (("failed", "favicon-failed"), ("success", "favicon-done")):
        ended = {"status": status, "stage": "done", "completed_at": "2026-11-24 12:00:00", **NO_LEASE}
        with changed(sample_site, "image_import_tasks", running(sample_site), **ended):
            expect(icon).to_have_attribute("href", re.compile(name))
            if status == "failed":
                hide(page, True)
                assert icon_of(page) == "favicon"
                hide(page, False)
            sample_site.show(page, Shot("ended", IMPORT))
            assert icon_of(page) == "favicon", "it did not run while one looked"
        sample_site.show(page, Shot("moving", IMPORT))


def test_a_tab_that_no_one_looks_at_still_learns_of_the_end(sample_site: Site, look: Look) -> None:
    page = look()
    page.clock.install()
    sample_site.show(page, Shot("moving", IMPORT))
    hide(page, True)
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url))
    ended = {"status": "success", "stage": "done", "completed_at": "2026-11-24 12:00:00", **NO_LEASE}
    with changed(sample_site, "image_import_tasks", running(sample_site), **ended):
        page.clock.run_for(16_000)
        assert len(polls) <= 1, polls
        page.clock.run_for(10_000)
        expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("favicon-done"))
        expect(page).to_have_title("grafana/grafana:11.2.0 · Import · Registry Portal")


def test_who_wants_it_is_notified_in_another_tab_when_an_import_is_done(
    sample_site: Site, look: Look
) -> None:
    page = look()
    page.clock.install()
    page.add_init_script(
        "window.told = []; window.Notification = class extends EventTarget {"
        " static permission = 'default';"
        " static async requestPermission() { return (this.permission = 'granted'); }"
        " constructor(title, options) { super(); window.told.push([title, options.body]); } }"
    )
    sample_site.show(page, Shot("moving", IMPORT))
    page.get_by_role("button", name="Notify me when it is done").click()
    expect(page.locator("[data-notify]")).to_be_hidden()
    ended = {"status": "success", "stage": "done", "completed_at": "2026-11-24 12:00:00", **NO_LEASE}
    hide(page, True)
    with changed(sample_site, "image_import_tasks", running(sample_site), **ended):
        page.clock.run_for(26_000)
        expect(page).to_have_title("grafana/grafana:11.2.0 · Import · Registry Portal")
        ((title, body),) = page.evaluate("window.told")
        assert title == "grafana/grafana:11.2.0 · Import · Registry Portal"
        assert "grafana/grafana:11.2.0" in body
        sample_site.show(page, Shot("ended", IMPORT))
        expect(page.locator("[data-notify]")).to_be_hidden()


def hide(page: Page, hidden: bool) -> None:
    """As if the reader had gone to another tab, or come back."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')) }",
        hidden,
    )
