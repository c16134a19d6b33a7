"""Every page of the sample rows in Chromium: whole at every width, accessible in light, dark and forced colours, and
quiet in the console.

A page is opened once and then made narrow, dark and so on: loading it takes longer than looking at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import ConsoleMessage, Error, Page

from scripts.pictures.sample_pages import ADMIN_PAGES, API_PAGES, PAGES, Shot
from tests.pages.conftest import Site
from tests.support.axe import COLOURS, EVERYTHING, WCAG, faults

pytestmark = pytest.mark.timeout(240)

#: A phone at its largest letters, a usual one, a tablet, a small laptop, a usual one.
WIDTHS: Final = (320, 360, 768, 1024, 1280)
#: Those at which the page is made another way.
LAYOUTS: Final = (360, 768, 1280)
_HEIGHT: Final = 800
#: What is wider than its place: the page, a table in its box, a part of a dialog.
_CUT: Final = """() => {
    const cut = [];
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) cut.push(`the page: ${wide} of ${innerWidth}`);
    for (const box of document.querySelectorAll('.table-wrap')) {
        if (box.scrollWidth > box.clientWidth + 1)
            cut.push(`a table: ${box.scrollWidth} of ${box.clientWidth}: ${box.textContent.trim().slice(0, 60)}`);
    }
    for (const dialog of document.querySelectorAll('dialog[open]')) {
        const edge = dialog.getBoundingClientRect().right;
        for (const part of dialog.querySelectorAll(':not(.visually-hidden, .command code)')) {
            if (part.getBoundingClientRect().right > edge + 1) cut.push(part.outerHTML.slice(0, 200));
        }
    }
    return cut;
}"""


@pytest.mark.parametrize("shot", PAGES, ids=lambda shot: shot.name)
def test_a_page_is_whole_at_every_width_and_accessible_in_forced_colours(
    sample_site: Site, look: Callable[..., Page], shot: Shot
) -> None:
    page = look()
    with quiet(page), as_it_was(page):
        sample_site.show(page, shot)
        assert cut(page) == []
        assert faulty(page, in_the_dark=False) == []


@pytest.mark.parametrize("shot", PAGES, ids=lambda shot: shot.name)
def test_a_page_in_chinese_and_dark_is_whole_and_accessible_on_a_tablet(
    sample_site: Site, look: Callable[..., Page], shot: Shot
) -> None:
    page = look("dark", locale="zh-CN")
    with quiet(page), as_it_was(page):
        sample_site.show(page, shot)
        assert cut(page) == []
        page.set_viewport_size({"width": LAYOUTS[1], "height": _HEIGHT})
        assert faults(page) == []


@pytest.mark.parametrize("shot", API_PAGES, ids=lambda shot: shot.name)
def test_an_api_page_is_whole_at_every_width_and_accessible_dark_and_light(
    sample_site: Site, look: Callable[..., Page], shot: Shot
) -> None:
    page = look()
    with quiet(page), as_it_was(page):
        sample_site.show(page, shot)
        assert cut(page) == []
        # What Swagger UI draws is its own.
        assert faulty(page, without=["#swagger-ui"]) == []


@pytest.mark.parametrize("shot", ADMIN_PAGES, ids=lambda shot: shot.name)
def test_an_admin_page_is_accessible_at_every_width(
    sample_site: Site, look: Callable[..., Page], shot: Shot
) -> None:
    page = look()
    with as_it_was(page):
        sample_site.show(page, shot)
        assert faulty(page, WCAG) == []


def cut(page: Page) -> list[str]:
    """What is wider than its place, at each width; the page is left at the last of them."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        found += [f"at {width}: {what}" for what in page.evaluate(_CUT)]
    return found


def faulty(
    page: Page, rules: Sequence[str] = EVERYTHING, *, without: Sequence[str] = (), in_the_dark: bool = True
) -> list[str]:
    """What axe finds: all rules on a phone and on a laptop, those of colours in the dark and in forced colours.

    What is not colour is the same in the dark and in forced colours.

    :param in_the_dark: not for a page that is looked at there in Chinese, by all rules and on a tablet, which lies
        between the two.
    """
    found = []
    page.emulate_media(color_scheme="light")
    for width in (LAYOUTS[0], LAYOUTS[-1]):
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        found += [f"at {width}: {fault}" for fault in faults(page, rules, without=without)]
    if in_the_dark:
        page.emulate_media(color_scheme="dark")
        found += [f"in the dark: {fault}" for fault in faults(page, COLOURS, without=without)]
    page.emulate_media(color_scheme="light", forced_colors="active")
    return found + [f"forced colours: {fault}" for fault in faults(page, COLOURS, without=without)]


@contextmanager
def as_it_was(page: Page) -> Iterator[None]:
    """The page's window and media are as before afterwards: other tests go on with it."""
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    try:
        yield
    finally:
        page.set_viewport_size({"width": 1280, "height": _HEIGHT})
        page.emulate_media(color_scheme="dark" if dark else "light", forced_colors="none")


@contextmanager
def quiet(page: Page) -> Iterator[None]:
    """Nothing is said in the console meanwhile, but that a page was refused, which the picture of a refusal is."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            said.append(message.text)

    def fail(error: Error) -> None:
        said.append(str(error))

    page.on("console", note)
    page.on("pageerror", fail)
    try:
        yield
    finally:
        page.remove_listener("console", note)
        page.remove_listener("pageerror", fail)
    assert not said
