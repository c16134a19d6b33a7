"""What a browser fetches for a page: little, and from here only."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.support.factories import ImageFactory
from tests.support.people import Team

ROOT = Path(__file__).resolve().parents[3]
MOST = 400 * 1024


def test_the_project_page_is_under_400_kilobytes_compressed(as_: Callable[..., Client], team: Team) -> None:
    """Its own text with fifty images in it, and all that it names: styles, scripts, icons, letters."""
    for number in range(50):
        ImageFactory(project=team.project, repository=f"team/app-{number}")
    page = as_("owner").get("/projects/team/").content
    assert page.count(b"data-copy=") >= 50
    names = set(re.findall(r'(?:src|href)="/static/([^"#]+)', page.decode()))
    assert {
        "vendor/tabler.min.css",
        "vendor/inter-latin.woff2",
        "vendor/icons.svg",
        "django_htmx/htmx-2.min.js",
        "js/live.js",
    } <= names
    total = len(gzip.compress(page))
    for name in names:
        found = finders.find(name)
        assert found, name
        total += len(gzip.compress(Path(found).read_bytes()))
    assert total < MOST, total


def test_stylesheets_and_scripts_ask_nothing_of_other_sites() -> None:
    for path in (ROOT / "static").rglob("*"):
        if path.suffix in (".css", ".js") and path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"url\(\s*['\"]?https?:", text), path.name
            assert not re.search(r"@import|importScripts|eval\(|new Function", text), path.name


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    sprite = (ROOT / "static/vendor/icons.svg").read_text(encoding="utf-8")
    known = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used: set[str] = set()
    for path in (ROOT / "templates").rglob("*.html"):
        used |= set(re.findall(r'\{% icon "([^"]+)"', path.read_text(encoding="utf-8")))
    assert used
    assert used <= known, used - known


def test_vendored_parts_are_listed_with_version_and_licence() -> None:
    listed = (ROOT / "static/vendor/LICENSES.md").read_text(encoding="utf-8")
    for path in (ROOT / "static/vendor").iterdir():
        if path.suffix != ".md":
            assert f"`{path.name}`" in listed
    assert "MIT" in listed
    assert "SIL OPEN FONT LICENSE Version 1.1" in listed


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_of_a_server_error_stands_alone(language: str) -> None:
    from django.template.loader import render_to_string
    from django.utils import translation

    with translation.override(language):
        page = render_to_string("500.html")
    assert "<html" in page
    assert ("Something went wrong" in page) is (language == "en")
