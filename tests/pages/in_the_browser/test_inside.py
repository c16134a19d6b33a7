"""The pages of what is inside an image, in Chromium: whole at every width, accessible dark and light."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from stack.sample import file_layer, image_of, sample_image
from testbed.portal import PortalProcess
from testbed.services import RegistryServer
from tests.pages.browser import LOCALES, Person
from tests.pages.in_the_browser.test_every_page import as_it_was, cut, faulty, quiet

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def image(portal: PortalProcess, registry: RegistryServer) -> str:
    """The address of an image of two platforms; the project has another one, ``app:2``."""
    registry.push("inside/looks", "1", sample_image())
    registry.push(
        "inside/looks", "2", image_of([file_layer({"etc/motd": b"Hello again.\n", "etc/new": b"new"})])
    )
    project = portal.project("inside-looks")
    for tag in ("1", "2"):
        portal.run_import(project, f"{registry.host}/inside/looks:{tag}", target_name="app")
    row = portal.call("GET", f"/projects/{project}/images?tag=1").json()["results"][0]
    return f"/projects/inside-looks/images/{row['id']}/"


@pytest.fixture(scope="module", params=["en", "zh-hans"])
def person(browser: Browser, portal: PortalProcess, request: pytest.FixtureRequest) -> Iterator[Person]:
    context = browser.new_context(locale=LOCALES[request.param], timezone_id="UTC")
    found = Person(context.new_page(), portal, request.param)
    found.sign_in()
    yield found
    context.close()


def is_fine(page: Page) -> None:
    assert cut(page) == []
    assert faulty(page) == []


@pytest.mark.parametrize("what", ["contents", "files", "sboms", "compare"])
def test_a_page_of_what_is_inside_is_whole_and_accessible(person: Person, image: str, what: str) -> None:
    with quiet(person.page), as_it_was(person.page):
        person.open(f"{image}{what}/")
        if what == "files":
            # The worker reads the layers first.
            expect(person.page.get_by_role("link", name="etc")).to_be_visible()
        is_fine(person.page)


def test_a_comparison_and_its_files_are_whole_and_accessible(person: Person, image: str) -> None:
    page = person.page
    with quiet(page), as_it_was(page):
        person.open(f"{image}compare/")
        page.get_by_role("link", name="2", exact=True).click()
        is_fine(page)
        page.locator("a[href*='/compare/files/']").click()
        # The worker reads the layers first.
        expect(page.get_by_role("rowheader", name="/etc/new")).to_be_visible()
        is_fine(page)
