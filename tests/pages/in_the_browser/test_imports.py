"""Importing through the page, in Chromium, on the whole product and real registries; in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from playwright.sync_api import Browser, StorageState, expect

from stack.sample import sample_image
from testbed.images import random_image
from testbed.portal import PortalProcess
from testbed.services import RegistryServer
from testbed.tcp_proxy import TcpProxy
from tests.pages.browser import LOCALES, Person

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(params=["en", "zh-hans"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def signed_in(browser: Browser, portal: PortalProcess) -> Callable[[str], StorageState]:
    """The administrator's cookies after signing in by the page, once in each language."""

    @cache
    def cookies(language: str) -> StorageState:
        context = browser.new_context(locale=LOCALES[language], timezone_id="UTC")
        Person(context.new_page(), portal, language).sign_in()
        found = context.storage_state()
        context.close()
        return found

    return cookies


@pytest.fixture
def person(
    browser: Browser, portal: PortalProcess, language: str, signed_in: Callable[[str], StorageState]
) -> Iterator[Person]:
    """The administrator, signed in, with a browser of this language."""
    context = browser.new_context(
        locale=LOCALES[language], timezone_id="UTC", storage_state=signed_in(language)
    )
    yield Person(context.new_page(), portal, language)
    context.close()


@pytest.fixture
def slow(registry: RegistryServer) -> Iterator[TcpProxy]:
    """The shared registry behind a thin line."""
    host, port = registry.host.split(":")
    proxy = TcpProxy((host, int(port)))
    yield proxy
    proxy.close()


def test_a_pasted_reference_becomes_an_image_while_one_watches(
    person: Person, registry: RegistryServer, language: str
) -> None:
    registry.push(f"page/hello-{language}", "1", sample_image())
    person.portal.project(f"watch-{language}")
    person.open(f"/projects/watch-{language}/")
    person.button("add").click()
    expect(person.dialog).to_be_visible()
    person.dialog.get_by_label(person.say("url")).fill(f"docker pull {registry.host}/page/hello-{language}:1")
    expect(person.dialog.get_by_label(person.say("name"))).to_have_value(f"page/hello-{language}")
    expect(person.dialog.get_by_label(person.say("tag"))).to_have_value("1")
    expect(person.dialog).to_contain_text(
        f"{person.portal.registry_host}/watch-{language}/page/hello-{language}:1"
    )
    person.dialog.get_by_label(person.say("name")).fill("hello")
    person.dialog.get_by_role("button", name=person.say("start")).click()
    expect(person.dialog).to_be_hidden()
    card = person.card("hello:1")
    expect(card).to_be_visible()
    expect(card).to_contain_text(person.say("success"))
    pull = f"docker pull {person.portal.registry_host}/watch-{language}/hello:1"
    expect(card).to_contain_text(pull)
    row = person.page.locator("#images-list tbody tr").filter(has_text="hello:1")
    expect(row).to_have_count(1)
    assert person.page.locator("[hx-trigger='every 2s']").count() == 0
    assert person.portal.verify(f"watch-{language}/hello", "1").digest


def test_a_failure_stays_with_its_reason_until_it_is_retried(
    person: Person, registry: RegistryServer, language: str
) -> None:
    person.portal.project(f"fail-{language}")
    person.open(f"/projects/fail-{language}/")
    person.ask(f"{registry.host}/page/later-{language}:1", name="later")
    card = person.card("later:1")
    expect(card).to_contain_text(person.say("failed"))
    expect(card).to_contain_text(registry.host)
    person.page.reload()
    expect(card).to_contain_text(person.say("failed"))
    registry.push(f"page/later-{language}", "1", sample_image())
    card.get_by_role("button", name=person.say("retry")).click()
    expect(card).to_contain_text(person.say("success"))


def test_a_dismissed_failure_goes_and_stays_in_the_history(
    person: Person, registry: RegistryServer, language: str
) -> None:
    person.portal.project(f"dismiss-{language}")
    person.open(f"/projects/dismiss-{language}/")
    person.ask(f"{registry.host}/page/absent:1", name="absent")
    card = person.card("absent:1")
    expect(card).to_contain_text(person.say("failed"))
    card.get_by_role("button", name=person.say("dismiss")).click()
    expect(card).to_have_count(0)
    person.open(f"/projects/dismiss-{language}/imports/")
    expect(person.page.get_by_role("row").filter(has_text="absent:1")).to_contain_text(person.say("failed"))


def test_cancel_asks_once_and_stops_it(
    person: Person, registry: RegistryServer, slow: TcpProxy, language: str
) -> None:
    registry.push(f"page/large-{language}", "1", random_image([4_000_000], seed=len(language)))
    slow.rate = 60_000
    person.portal.project(f"cancel-{language}")
    person.open(f"/projects/cancel-{language}/")
    person.ask(f"{slow.address}/page/large-{language}:1", name="large")
    card = person.card("large:1")
    expect(card).to_contain_text(person.say("running"))
    expect(card.locator("progress")).to_be_visible()
    card.get_by_role("link", name="large:1").click()
    expect(person.page.get_by_role("table")).to_contain_text("sha256:")
    person.button("cancel").click()
    person.button("stop").click()
    expect(person.page.locator("#import-live")).to_contain_text(person.say("canceled"))
    expect(person.button("retry")).to_be_visible()


def test_a_private_image_takes_a_username_and_password(
    person: Person, basic_registry: RegistryServer, language: str
) -> None:
    basic_registry.push(f"page/private-{language}", "1", sample_image())
    user, password = basic_registry.account
    person.portal.project(f"private-{language}")
    person.open(f"/projects/private-{language}/")
    image = f"{basic_registry.host}/page/private-{language}:1"
    person.ask(image, name="private", username=user, password=f"not {password}")
    card = person.card("private:1")
    expect(card).to_contain_text(person.say("failed"))
    card.get_by_role("button", name=person.say("dismiss")).click()
    person.ask(image, name="private", username=user, password=password)
    expect(card).to_contain_text(person.say("success"))
    assert password not in person.page.content()


def test_many_images_go_as_one_batch(person: Person, registry: RegistryServer, language: str) -> None:
    for number in (1, 2):
        registry.push(f"page/many-{language}", str(number), sample_image())
    person.portal.project(f"many-{language}")
    person.open(f"/projects/many-{language}/")
    person.button("add").click()
    person.dialog.get_by_text(person.say("many"), exact=True).click()
    lines = "\n".join(f"{registry.host}/page/many-{language}:{number}" for number in (1, 2))
    person.dialog.get_by_label(person.say("list")).fill(lines)
    expect(person.dialog.locator("#import-reading-many")).to_contain_text("2")
    person.dialog.get_by_role("button", name=person.say("start")).click()
    expect(person.page).to_have_url(re.compile(r"/batches/[0-9a-f-]{36}/"))
    live = person.page.locator("#batch-live")
    expect(live).to_contain_text(f"2 {person.say('success')}")
    expect(person.page.locator("[hx-trigger='every 2s']")).to_have_count(0)


def test_everything_works_without_scripts(
    browser: Browser, portal: PortalProcess, registry: RegistryServer, language: str
) -> None:
    registry.push(f"page/plain-{language}", "1", sample_image())
    portal.project(f"plain-{language}")
    context = browser.new_context(locale=LOCALES[language], java_script_enabled=False)
    person = Person(context.new_page(), portal, language)
    page = person.page
    person.sign_in()
    person.open(f"/projects/plain-{language}/")
    person.button("add").click()
    expect(page).to_have_url(f"{portal.url}/projects/plain-{language}/import/?")
    page.get_by_label(person.say("url")).fill("NOT AN IMAGE")
    person.button("start").click()
    expect(page.locator("#import-image_url-error")).to_be_visible()
    page.get_by_label(person.say("url")).fill(f"{registry.host}/page/plain-{language}:1")
    page.get_by_label(person.say("name")).fill("plain")
    person.button("start").click()
    expect(page).to_have_url(re.compile(rf"/projects/plain-{language}/imports/[0-9a-f-]{{36}}/"))
    # It reloads itself.
    expect(page.locator("#import-live .title-row")).to_contain_text(person.say("success"))
    person.open(f"/projects/plain-{language}/")
    row = page.get_by_role("row").filter(has_text="plain:1")
    expect(row).to_be_visible()
    page.get_by_role("link", name=person.say("delete")).click()
    page.get_by_label(person.say("confirm")).fill("plain:1")
    page.get_by_role("button", name=person.say("delete_image")).click()
    expect(row).to_have_count(0)
    context.close()


def test_a_plan_says_what_an_import_would_move(
    person: Person, registry: RegistryServer, language: str
) -> None:
    registry.push("page/planned", "1", sample_image())
    person.portal.project(f"plan-{language}")
    person.open(f"/projects/plan-{language}/")
    person.button("add").click()
    person.dialog.get_by_label(person.say("url")).fill(f"{registry.host}/page/planned:1")
    person.dialog.get_by_role("button", name="预览" if language != "en" else "Plan", exact=True).click()
    plan = person.dialog.locator("#import-plan")
    expect(plan).to_contain_text("MiB")
    expect(plan).to_contain_text(f"plan-{language}/page/planned:1")
    person.dialog.get_by_label(person.say("url")).press("0")
    expect(plan).to_have_text("")
    project = person.portal.project(f"plan-{language}")
    assert person.portal.call("GET", f"/projects/{project}/images/import").json()["results"] == []


def test_a_schedule_is_made_run_and_says_what_it_brought(
    person: Person, registry: RegistryServer, language: str
) -> None:
    registry.push(f"page/synced-{language}", "1.0", sample_image())
    person.portal.project(f"sync-{language}")
    person.open(f"/projects/sync-{language}/schedules/")
    page, say = person.page, person.say
    page.get_by_role("link", name=say("new_sync")).click()
    page.get_by_label(say("image"), exact=True).fill(f"{registry.host}/page/synced-{language}")
    page.get_by_label(say("tags"), exact=True).fill("1.*")
    page.get_by_label(say("when"), exact=True).fill("0 3 * * *")
    page.get_by_role("button", name=say("save_sync")).click()
    page.get_by_role("button", name=say("run_now")).click()
    expect(page.locator("#schedule-live")).to_contain_text(say("one_new"))
    expect(page.locator("[hx-trigger='every 2s']")).to_have_count(0)
    page.get_by_text(say("what_changed"), exact=True).click()
    expect(page.locator(".plain-list")).to_contain_text("1.0")
