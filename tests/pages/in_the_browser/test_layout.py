"""Where things stand on a page, at which width, and what is seen of what does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from scripts.pictures.sample_pages import PAGES, Shot
from tests.pages.conftest import Site

pytestmark = pytest.mark.timeout(240)
LIBRARY = "/projects/library/"
SHOTS = {shot.name: shot for shot in PAGES}
_BOX = (
    "part => { const box = part.getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom] }"
)


@pytest.fixture
def page(look: Callable[..., Page]) -> Iterator[Page]:
    found = look()
    yield found
    found.set_viewport_size({"width": 1280, "height": 800})


def narrow(page: Page, width: int = 360) -> None:
    page.set_viewport_size({"width": width, "height": 800})


def boxes(parts: Locator) -> list[list[float]]:
    """Left, top, right and bottom of each, in pixels of the window."""
    return [part.evaluate(_BOX) for part in parts.all()]


def style(part: Locator, name: str, pseudo: str = "") -> str:
    return str(part.evaluate("(part, [n, p]) => getComputedStyle(part, p || null)[n]", [name, pseudo]))


@pytest.mark.parametrize("width", [1024, 1280])
def test_what_can_be_done_with_an_image_stays_in_sight_with_its_platforms_open(
    sample_site: Site, page: Page, width: int
) -> None:
    sample_site.show(page, SHOTS["project-platforms"])
    narrow(page, width)
    edge = boxes(page.locator(".table-wrap"))[0][2]
    assert all(right <= edge for _left, _top, right, _bottom in boxes(page.locator("#images [id^=delete-]")))
    assert page.locator("details.platforms[open] li").count() > 1


def test_imports_to_a_tag_have_the_whole_width(sample_site: Site, page: Page) -> None:
    sample_site.show(page, SHOTS["image"])
    for width in (1024, 1280):
        narrow(page, width)
        (left, _top, right, _bottom), *_ = boxes(page.locator("section[aria-labelledby=imports-title]"))
        assert right - left > 0.9 * (width - 56)
        # In columns, none of which breaks a name within a word.
        target = page.locator("section[aria-labelledby=imports-title] tbody th a").first
        assert target.evaluate("part => part.getClientRects().length") == 1


def test_a_card_of_an_image_repeats_no_label_and_is_short(sample_site: Site, page: Page) -> None:
    sample_site.show(page, Shot("project", LIBRARY))
    narrow(page)
    cards = page.locator("table.images tbody tr")
    for label in cards.first.locator("td[data-label]").all():
        assert style(label, "content", "::before") == "none"
    # A name and a tag of seventy letters take three lines.
    assert all(bottom - top < 200 for _left, top, _right, bottom in boxes(cards))


def test_the_first_button_on_a_phone_is_the_main_one_and_all_are_as_wide(
    sample_site: Site, page: Page
) -> None:
    sample_site.show(page, Shot("project", LIBRARY))
    narrow(page)
    buttons = page.locator(".head-actions").locator(".btn-primary, summary")
    first, second = boxes(buttons)
    assert "btn-primary" in str(buttons.first.get_attribute("class"))
    assert first[1] <= second[1]
    assert abs((first[2] - first[0]) - (second[2] - second[0])) < 1


def test_tabs_that_do_not_fit_are_shaded_at_the_edge(sample_site: Site, page: Page) -> None:
    sample_site.show(page, Shot("project", LIBRARY))
    narrow(page)
    row = page.locator(".tabs")
    assert row.evaluate("row => row.scrollWidth > row.clientWidth")
    assert style(row, "backgroundImage").count("gradient") == 4
    assert style(row, "backgroundAttachment") == "local, local, scroll, scroll"


def test_a_command_that_is_cut_fades_and_one_that_fits_does_not(sample_site: Site, page: Page) -> None:
    sample_site.show(page, SHOTS["import-done"])
    code = page.locator(".command code").first
    assert "gradient" in style(code, "maskImage")
    text_ends = """code => {
        const text = document.createRange();
        text.selectNodeContents(code);
        return text.getBoundingClientRect().right }"""
    fade = float(style(code, "paddingRight").removesuffix("px"))
    assert fade >= 20
    # The fade lies where the padding is: over no letter of a command that fits, or that was moved to its end.
    assert code.evaluate(text_ends) <= boxes(code)[0][2] - fade
    narrow(page, 320)
    assert code.evaluate("code => code.scrollWidth > code.clientWidth")
    code.evaluate("code => { code.scrollLeft = code.scrollWidth }")
    assert code.evaluate(text_ends) <= boxes(code)[0][2] - fade + 1


def test_what_copies_is_quieter_than_the_words(sample_site: Site, page: Page) -> None:
    sample_site.show(page, Shot("project", LIBRARY))
    row = page.locator("table.images tbody tr").first
    words = float(style(row.locator(".image-name"), "fontSize").removesuffix("px"))
    for icon in row.locator("[data-copy] .icon").all():
        left, _top, right, _bottom = boxes(icon)[0]
        assert right - left <= words + 1
    pull = row.get_by_role("button", name="Copy pull command")
    assert style(pull, "backgroundColor") == style(pull, "borderTopColor") == "rgba(0, 0, 0, 0)"


def test_a_digest_looks_the_same_in_the_list_and_on_its_page(sample_site: Site, page: Page) -> None:
    sample_site.show(page, Shot("project", LIBRARY))
    row = page.locator("table.images tbody tr", has_text="1.27-alpine").first
    short = row.locator(".digest .mono").first.inner_text()
    assert short.startswith("sha256:")
    sample_site.show(page, SHOTS["image"])
    expect(page.locator(".past-list .digest .mono").first).to_have_text(short)


@pytest.mark.parametrize(
    "name", ["project-platforms", "image", "import-running", "import-dialog-plan", "schedule"]
)
def test_every_shortened_digest_can_be_had_whole_without_a_mouse(
    sample_site: Site, page: Page, name: str
) -> None:
    sample_site.show(page, SHOTS[name])
    page.evaluate(
        "document.querySelectorAll('details:not([data-menu])').forEach(part => { part.open = true })"
    )
    short = page.locator(".mono[title^='sha256:']:visible")
    if name != "schedule":
        assert short.count() > 0
    for digest in short.all():
        whole = digest.get_attribute("title")
        button = digest.locator("xpath=following-sibling::button")
        assert button.get_attribute("data-copy") == whole
    if short.count():
        short.last.locator("xpath=following-sibling::button").press("Enter")
        expect(page.locator("#announcer")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == short.last.get_attribute("title")
    page.keyboard.press("Escape")


def test_the_figures_of_a_plan_stand_in_even_rows(sample_site: Site, page: Page) -> None:
    sample_site.show(page, SHOTS["import-dialog-plan"])
    tops = [top for _left, top, _right, _bottom in boxes(page.locator(".plan-figures > div"))]
    assert [tops.count(top) for top in dict.fromkeys(tops)] == [3, 3]


def test_what_lies_behind_the_foot_of_a_dialog_fades(sample_site: Site, page: Page) -> None:
    sample_site.show(page, SHOTS["import-dialog"])
    foot = page.locator("dialog[open] .box-foot")
    assert "gradient" in style(foot, "backgroundImage", "::before")
    fade = float(style(foot, "height", "::before").removesuffix("px"))
    body = page.locator("dialog[open] .box-body")
    assert float(style(body, "paddingBottom").removesuffix("px")) >= fade


@pytest.mark.parametrize("name", ["import-dialog", "import-dialog-plan", "import-dialog-many"])
def test_the_import_dialog_opened_at_320_pixels_fits_with_long_names_in_it(
    sample_site: Site, page: Page, name: str
) -> None:
    narrow(page, 320)
    sample_site.show(page, SHOTS[name])
    long = "registry.example.com:5000/" + "a-very-long-name-without-an-end" * 4 + ":v1"
    many = name == "import-dialog-many"
    page.locator("[name=images]" if many else "[name=image_url]").fill(long)
    expect(page.locator("#import-reading-many" if many else "[data-reference]")).to_contain_text(
        "1 image" if many else "v1"
    )
    dialog = page.locator("dialog[open]")
    assert dialog.evaluate("part => part.scrollWidth <= part.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_fields_with_errors_stand_below_each_other_and_an_error_goes_with_its_value(
    sample_site: Site, page: Page
) -> None:
    sample_site.show(page, SHOTS["schedule-new"])
    form = page.locator("#asked form")
    form.get_by_label("Image", exact=True).fill("docker.io/library/redis")
    form.get_by_role("button", name="Save scheduled sync").click()
    pair = form.locator(".two:has(.errors)")
    expect(pair).to_have_count(1)
    field = form.get_by_label("When", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("This field is required"))
    lefts = {round(left) for left, _top, _right, _bottom in boxes(pair.locator(":scope > .field"))}
    assert len(lefts) == 1
    before = boxes(pair)[0]
    field.press_sequentially("x")
    expect(pair.get_by_text("This field is required")).to_be_hidden()
    assert field.get_attribute("aria-invalid") is None
    assert boxes(pair)[0] == before
    page.keyboard.press("Escape")


def test_facts_of_project_cards_stand_in_one_line(sample_site: Site, page: Page) -> None:
    sample_site.show(page, Shot("projects", "/projects/"))
    cards = page.locator(".project-card")
    assert cards.count() > cards.locator(".description").count() > 0
    gaps = {
        round(card[3] - facts[3])
        for card, facts in zip(boxes(cards), boxes(cards.locator(".facts")), strict=True)
    }
    assert len(gaps) == 1


def test_the_page_of_a_fault_has_the_bar_and_the_foot(sample_site: Site, page: Page) -> None:
    sample_site.show(page, SHOTS["server-error"])
    expect(page.get_by_role("banner").get_by_role("link", name="Registry Portal")).to_be_visible()
    expect(page.locator(".bar .user-name")).to_have_text("ada")
    expect(page.get_by_role("contentinfo").get_by_role("link", name="API documentation")).to_be_visible()


@pytest.mark.parametrize("name", ["second-factor", "second-factor-new", "recovery-codes"])
def test_pages_of_the_second_factor_are_as_wide_as_others(sample_site: Site, page: Page, name: str) -> None:
    sample_site.show(page, SHOTS[name])
    left, _top, right, _bottom = boxes(page.locator("main .allauth"))[0]
    assert right - left > 1000
