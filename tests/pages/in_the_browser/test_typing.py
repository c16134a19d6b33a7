"""The import form while one types: platforms of a pasted command and of a plan, the look at the source, its tags."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, Route, expect

from scripts.pictures.sample_pages import Shot
from tests.pages.conftest import Site

pytestmark = pytest.mark.timeout(240)
Look = Callable[..., Page]
FRESH = "/projects/fresh/"


def test_platforms_of_a_pasted_command_are_ticked_until_the_reader_ticks_others(
    sample_site: Site, look: Look
) -> None:
    page = look()
    sample_site.show(page, Shot("fresh", FRESH))
    page.get_by_role("button", name="Add from URL").click()
    dialog = page.get_by_role("dialog", name="Import image")
    url, options = dialog.get_by_label("Image URL"), dialog.get_by_text("Options", exact=True)
    arm, amd = (dialog.get_by_label(name, exact=True) for name in ("linux/arm64", "linux/amd64"))
    expect(options).to_be_visible()
    expect(arm).to_be_hidden()
    url.fill("docker pull --platform linux/arm64 nginx:1")
    expect(arm).to_be_visible()
    expect(arm).to_be_checked()
    expect(amd).not_to_be_checked()
    url.fill("nginx:1")
    expect(arm).not_to_be_checked()
    amd.check()
    url.fill("docker pull --platform linux/arm64 nginx:2")
    expect(dialog.get_by_label("Target tag")).to_have_value("2")
    expect(amd).to_be_checked()
    expect(arm).not_to_be_checked()
    page.keyboard.press("Escape")


def test_boxes_are_of_the_platforms_that_a_plan_has_found_and_what_was_chosen_stays(
    sample_site: Site, look: Look
) -> None:
    page = look()
    sample_site.show(page, Shot("fresh", FRESH))
    page.get_by_role("button", name="Add from URL").click()
    dialog = page.get_by_role("dialog", name="Import image")
    url, more = dialog.get_by_label("Image URL"), dialog.get_by_label("More platforms")
    boxes = dialog.get_by_role("group", name="Platforms").get_by_role("checkbox")

    def offered() -> dict[str, bool]:
        return {box.get_attribute("value") or "": box.is_checked() for box in boxes.all()}

    url.fill("ghcr.io/owner/service:v1.4")
    dialog.get_by_text("Options", exact=True).click()
    usual = offered()
    assert "linux/386" in usual and not any(usual.values())
    dialog.get_by_label("linux/arm64", exact=True).check()
    dialog.get_by_label("linux/s390x", exact=True).check()
    more.fill("linux/riscv64, linux/mips64le")
    dialog.get_by_role("button", name="Plan", exact=True).click()
    expect(boxes).to_have_count(4)
    found = {"linux/amd64": False, "linux/arm64": True, "linux/riscv64": True, "linux/s390x": True}
    assert offered() == found
    expect(more).to_have_value("linux/mips64le")
    dialog.get_by_label("linux/s390x", exact=True).uncheck()
    url.fill("ghcr.io/owner/other:1")
    expect(boxes).to_have_count(len(usual) + 1)
    assert offered() == {**usual, "linux/arm64": True, "linux/riscv64": True}
    with page.expect_request("**/import/") as sent:
        dialog.get_by_role("button", name="Start import").click()
    asked = parse_qs(sent.value.post_data or "")["platforms"]
    assert sorted(asked) == ["linux/arm64", "linux/mips64le", "linux/riscv64"]
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Add from URL").click()
    assert offered() == usual
    page.keyboard.press("Escape")


def test_the_source_is_looked_at_once_the_typing_rests_and_its_tags_are_offered_then(
    sample_site: Site, look: Look
) -> None:
    page = look()
    sample_site.show(page, Shot("fresh", FRESH))
    asked: list[tuple[str, str]] = []

    def answer(route: Route) -> None:
        fields = parse_qs(route.request.post_data or "")
        what = route.request.url.rsplit("/", 2)[1]
        asked.append((what, fields["image_url"][0]))
        route.fulfill(body=f"<p id='{what}-said'>{fields['image_url'][0]}</p>")

    page.route(re.compile("/import/(look|offers|plan)/$"), answer)
    page.get_by_role("button", name="Add from URL").click()
    dialog = page.get_by_role("dialog", name="Import image")
    url, told = dialog.get_by_label("Image URL"), page.locator("#look-said")
    url.press_sequentially("nginx:1.27", delay=30)
    expect(page.locator("#offers-said")).to_have_text("nginx:1.27")
    expect(told).to_have_text("nginx:1.27")
    assert asked == [("look", "nginx:1.27"), ("offers", "nginx:1.27")]
    dialog.get_by_label("Target tag").fill("mine")
    expect(told).to_have_count(0)
    expect(told).to_have_text("nginx:1.27")
    page.wait_for_timeout(200)
    assert asked[2:] == [("look", "nginx:1.27")], "the tags at the source are the same"
    dialog.get_by_role("button", name="Plan", exact=True).click()
    expect(page.locator("#plan-said")).to_be_visible()
    expect(told).to_have_count(0)
    dialog.get_by_label("Password").fill("half")
    url.fill("nginx:1.28")
    expect(page.locator("#offers-said")).to_have_text("nginx:1.28")
    assert ("look", "nginx:1.28") not in asked, "a password for once may be half typed"
    page.keyboard.press("Escape")


def test_what_a_plan_says_is_brought_into_sight(sample_site: Site, look: Look) -> None:
    page = look()
    sample_site.show(page, Shot("fresh", FRESH))
    page.set_viewport_size({"width": 1280, "height": 500})
    page.route("**/import/plan/", lambda route: route.fulfill(body="<p id='said'>" + "word<br>" * 8 + "</p>"))
    page.get_by_role("button", name="Add from URL").click()
    dialog = page.get_by_role("dialog", name="Import image")
    dialog.get_by_label("Image URL").fill("nginx:1")
    dialog.get_by_role("button", name="Plan", exact=True).click()
    said, foot = page.locator("#said"), dialog.locator(".box-foot")
    expect(said).to_be_in_viewport(ratio=0.9)
    ends, begins = said.bounding_box(), foot.bounding_box()
    assert ends is not None and begins is not None
    assert ends["y"] + ends["height"] <= begins["y"]
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1280, "height": 800})
