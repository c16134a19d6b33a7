"""The script that sends files: in pieces with checksums, on again after a break, then to what is in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from imageimport.views.uploading import PIECE_BYTES
from scripts.pictures.sample_pages import Shot
from testbed.images import random_image
from tests.pages.conftest import Site
from tests.support.content.archives import layout, write

pytestmark = pytest.mark.timeout(240)
FILES = Shot("files", "/projects/payments/import/files/", user="mei")


def test_a_file_is_sent_in_pieces_and_gone_on_with_where_a_line_broke(
    sample_site: Site, look: Callable[..., Page], tmp_path: Path
) -> None:
    page = look()
    content = layout({"app:1": random_image([5_000_000], seed=8)})
    pieces: list[bool] = []

    def pass_on(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        pieces.append("upload-checksum" in route.request.headers)
        if len(pieces) == 2:
            route.abort()
        else:
            route.continue_()

    sample_site.show(page, FILES)
    page.route("**/uploads/*", pass_on)
    page.locator("#files").set_input_files(write(tmp_path / "images.tar", content))
    page.locator("[data-send]").click()
    page.wait_for_url("**/import/files/plan/?upload=*")
    expect(page.locator("main")).to_contain_text("app:1")
    assert len(pieces) == math.ceil(len(content) / PIECE_BYTES) + 1
    assert all(pieces), "each with its checksum"
    page.unroute("**/uploads/*")


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_portal_that_is_away_for_a_moment_costs_nothing_of_what_has_come(
    sample_site: Site, look: Callable[..., Page], tmp_path: Path, status: int
) -> None:
    page = look()
    content = layout({"app:1": random_image([4_500_000], seed=status)})
    file = write(tmp_path / f"images-{status}.tar", content)
    asked: list[str] = []

    def pass_on(route: Route) -> None:
        method = route.request.method
        asked.append(method)
        if method == "PATCH" and asked.count("PATCH") == 2:
            route.abort()
        elif method == "HEAD" and asked.count("HEAD") == 1:
            route.fulfill(status=status)
        else:
            route.continue_()

    sample_site.show(page, FILES)
    page.route("**/uploads", pass_on)
    page.route("**/uploads/*", pass_on)
    page.locator("#files").set_input_files(file)
    page.locator("[data-send]").click()
    if status == 401:
        expect(page.locator("[data-list]")).to_contain_text("401")
        page.locator("[data-send]").click()
    page.wait_for_url("**/import/files/plan/?upload=*")
    assert asked.count("POST") == 1
    assert asked.count("PATCH") == math.ceil(len(content) / PIECE_BYTES) + 1
    page.unroute("**/uploads")
    page.unroute("**/uploads/*")


def test_what_the_portal_refuses_is_said_beside_the_file(
    sample_site: Site, look: Callable[..., Page], tmp_path: Path
) -> None:
    page = look()
    sample_site.show(page, FILES)
    page.locator("#files").set_input_files(write(tmp_path / "empty.tar", b""))
    page.locator("[data-send]").click()
    expect(page.locator("[data-list]")).to_contain_text("The file is empty.")
