"""Pages for those who use keys, forced colours, or hear them: names, edges, focus."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from scripts.pictures.sample_pages import PAGES, Shot
from tests.pages.conftest import Site

pytestmark = pytest.mark.timeout(240)
LIBRARY = "/projects/library/"
SHOTS = {shot.name: shot for shot in PAGES}


@pytest.fixture
def page(look: Callable[..., Page]) -> Iterator[Page]:
    found = look()
    yield found
    found.set_viewport_size({"width": 1280, "height": 800})
    found.emulate_media(color_scheme="light", forced_colors="none")


def style(part: Locator, name: str) -> str:
    return str(part.evaluate("(part, name) => getComputedStyle(part)[name]", name))


def luminance(colour: str) -> float:
    """Of ``rgb(…)``, as WCAG defines it: 0 to 1."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def colours_along(part: Locator) -> list[tuple[int, ...]]:
    """Colours from left to right through the middle of what is drawn."""
    picture = base64.b64encode(part.screenshot()).decode()
    return [
        tuple(pixel)
        for pixel in part.page.evaluate(
            """async picture => {
                const image = new Image();
                image.src = `data:image/png;base64,${picture}`;
                await image.decode();
                const canvas = document.createElement('canvas');
                [canvas.width, canvas.height] = [image.width, image.height];
                const context = canvas.getContext('2d');
                context.drawImage(image, 0, 0);
                const row = context.getImageData(2, Math.floor(image.height / 2), image.width - 4, 1).data;
                return Array.from({length: image.width - 4}, (_, i) => [...row.slice(4 * i, 4 * i + 3)]);
            }""",
            picture,
        )
    ]


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_menu_of_the_account_has_a_name_at_every_width(sample_site: Site, page: Page, width: int) -> None:
    sample_site.show(page, Shot("projects", "/"))
    page.set_viewport_size({"width": width, "height": 800})
    expect(page.locator(".bar details summary").last).to_have_accessible_name("ada")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_of_fields_are_seen_on_every_ground(sample_site: Site, page: Page, scheme: str) -> None:
    sample_site.show(page, SHOTS["import-page"])
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    # Of one that has not the focus, whose edge is another.
    edge = style(page.locator("[name=target_name]"), "borderTopColor")
    grounds = {
        style(page.locator("body"), "backgroundColor"),
        style(page.locator(".panel").first, "backgroundColor"),
    }
    grounds.add(style(page.locator(".switch").first, "backgroundColor"))
    assert len(grounds) == 3
    assert all(contrast(edge, ground) >= 3 for ground in grounds), (edge, grounds)


def test_a_bar_shows_how_far_it_is_in_forced_colours(sample_site: Site, page: Page) -> None:
    sample_site.show(page, SHOTS["import-running"])
    page.emulate_media(forced_colors="active")
    page.wait_for_timeout(800)  # the bar glides for six tenths of a second
    pixels = colours_along(page.locator("progress[data-progress]"))
    assert pixels[0] != pixels[-1]
    full = sum(pixel == pixels[0] for pixel in pixels)
    assert 0.3 < full / len(pixels) < 0.7  # 46 %


def test_the_current_tab_is_told_from_the_others_in_forced_colours(sample_site: Site, page: Page) -> None:
    sample_site.show(page, SHOTS["history"])
    page.emulate_media(forced_colors="active")
    looks = {
        (
            tab.get_attribute("aria-current") or "",
            style(tab, "backgroundColor"),
            style(tab, "borderBottomColor"),
        )
        for tab in page.locator(".tabs a").all()
    }
    current = {look[1:] for look in looks if look[0] == "page"}
    others = {look[1:] for look in looks if look[0] != "page"}
    assert len(current) == len(others) == 1
    assert current != others
    # The others have no line that is seen.
    ground = style(page.locator("body"), "backgroundColor")
    assert {line for _back, line in others} == {ground}


def test_what_is_chosen_is_told_in_forced_colours(sample_site: Site, page: Page) -> None:
    sample_site.show(page, Shot("history", f"{LIBRARY}imports/?status=failed"))
    page.emulate_media(forced_colors="active")
    chosen = page.locator(".pill input:checked + span")
    other = page.locator(".pill input:not(:checked) + span").first
    expect(chosen).to_have_count(1)
    assert style(chosen, "backgroundColor") != style(other, "backgroundColor")


@pytest.mark.parametrize(
    ("shot", "label"),
    [
        ("settings-credential", "Name"),
        ("settings-webhook", "Send by"),
        ("project-new", "Project name"),
        ("schedule-new", "Image"),
        ("project-delete-image", "Type"),
    ],
)
def test_a_dialog_begins_at_its_first_field(sample_site: Site, page: Page, shot: str, label: str) -> None:
    sample_site.show(page, SHOTS[shot])
    expect(page.get_by_role("dialog").get_by_label(re.compile(f"^{label}")).first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


#: What keys must reach: what can be used and is seen, a group of radio buttons once.
_REACHABLE = """within => {
    const parts = [...document.querySelectorAll(within + ' :is(a[href], button, input, select, textarea, summary)')];
    const groups = new Set();
    return parts.filter(part => {
        if (part.disabled || part.type === 'hidden' || part.tabIndex < 0 || !part.checkVisibility()) return false;
        if (part.type !== 'radio') return true;
        if (groups.has(part.name)) return false;
        groups.add(part.name);
        return true;
    }).map(part => part.outerHTML.slice(0, 120)) }"""
_HERE = """() => {
    const part = document.activeElement;
    if (!part || part === document.body) return null;
    window.walked ??= new Map();
    if (!window.walked.has(part)) window.walked.set(part, window.walked.size);
    const shown = part.matches('.switch input, .pill input') ? part.nextElementSibling : part;
    const look = getComputedStyle(shown);
    const seen = look.outlineStyle !== 'none' || look.boxShadow !== 'none';
    const used = part.matches('a[href], button, input, select, textarea, summary');
    return [window.walked.get(part), seen, part.outerHTML.slice(0, 120), used];
}"""


def walk(page: Page, most: int = 250) -> list[tuple[int, bool, str, bool]]:
    """From the first link on press Tab until the focus leaves the page or is where it was; each stop once."""
    page.locator(".skip").focus()
    stops: list[tuple[int, bool, str, bool]] = [tuple(page.evaluate(_HERE))]
    for _ in range(most):
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        if here is None or here[0] < len(stops):
            return stops
        stops.append(tuple(here))
    raise AssertionError(f"After {most} steps: {stops[-1]}")


@pytest.mark.parametrize(
    "name", ["projects", "project", "image", "history", "settings", "account", "import-page"]
)
def test_the_tab_key_reaches_all_that_can_be_used_and_each_stop_is_seen(
    sample_site: Site, page: Page, name: str
) -> None:
    sample_site.show(page, SHOTS[name])
    expected = page.evaluate(_REACHABLE, "body")
    stops = walk(page)
    assert not [what for _number, seen, what, _used in stops if not seen]
    assert [what for _number, _seen, what, used in stops if used] == expected


def test_keys_do_not_leave_an_open_dialog(sample_site: Site, page: Page) -> None:
    sample_site.show(page, SHOTS["import-dialog"])
    outside = 0
    for _ in range(40):
        page.keyboard.press("Tab")
        outside += page.evaluate(
            "document.activeElement !== document.body && !document.activeElement.closest('dialog[open]')"
        )
    assert outside == 0
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_search_of_the_admin_is_named_in_words(sample_site: Site, page: Page) -> None:
    sample_site.show(page, Shot("admin-imports", "/admin/imageimport/importtask/"))
    expect(page.locator("label[for=searchbar] span")).to_have_text("Search")
    expect(page.locator("#searchbar")).to_have_accessible_name("Search")


def test_the_icon_that_browsers_look_for_is_there(sample_site: Site, page: Page) -> None:
    answer = page.request.get(f"{sample_site.url}/favicon.ico")
    assert answer.status == 200
    assert answer.body().startswith(b"\0\0\1\0")
    page.goto(f"{sample_site.url}/admin/")
    assert page.locator("link[rel=icon]").count() == 1


def test_the_api_is_changed_from_its_page(sample_site: Site, page: Page) -> None:
    sample_site.show(page, Shot("api-project", "/api/v1/projects/{project}"))
    body = page.get_by_label("PATCH: body as JSON")
    described = page.locator(".api-answer")
    for description in ("Changed from the page", "Base images for everybody"):
        body.fill(f'{{"description": "{description}"}}')
        page.get_by_role("button", name="PATCH").click()
        expect(described).to_contain_text(f'"description": "{description}"')
        expect(described).to_contain_text("HTTP 200 OK")
    body.fill('{"visibility": "nonsense"}')
    page.get_by_role("button", name="PATCH").click()
    expect(described).to_contain_text("HTTP 400 Bad Request")
    expect(page.locator("#main")).to_be_focused()
