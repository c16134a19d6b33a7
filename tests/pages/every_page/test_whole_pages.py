"""What holds for every page: nothing inline, nothing from elsewhere, nothing raw, nothing untranslated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from scripts.pictures.sample_pages import PAGES
from tests.pages.samples import ADDRESSES, Sample, filled
from tests.support.shared_rows import undone

VOID = {"meta", "link", "input", "br", "hr", "img", "use", "path"}


@pytest.fixture(scope="module")
def sample(django_db_setup: None, django_db_blocker: Any) -> Iterator[Sample]:
    """Sample rows that all tests of this file share; taken back at the end."""
    with django_db_blocker.unblock(), undone():
        yield filled()


class Reader(HTMLParser):
    """Collects what the tests ask about."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.foreign: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.unnamed: list[str] = []
        self._labelled: set[str] = set()
        self._fields: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "style" or (tag == "script" and not found.get("src")) or "style" in found:
            self.inline.append(self.get_starttag_text() or tag)
        self.inline += [name for name in found if name.startswith(("on", "hx-on"))]
        # A link that is clicked loads nothing before, and says nothing of where it was.
        leads_away = tag == "a" and {"noopener", "noreferrer"} <= set((found.get("rel") or "").split())
        for name in ("src", "href", "action"):
            value = found.get(name) or ""
            if re.match(r"(?:[a-z]+:)?//", value) and not leads_away:
                self.foreign.append(value)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "label" and found.get("for"):
            self._labelled.add(str(found["for"]))
        within_label = any(name == "label" for name, _ in self.open)
        if tag in ("input", "select", "textarea") and found.get("type") not in ("hidden", "submit"):
            self._fields.append({**found, "within": "yes" if within_label else None})
        if tag not in VOID:
            self.open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1][0] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        here = [name for name, _ in self.open]
        if data.strip() and not {"script", "code", "textarea", "kbd"} & set(here):
            classes = " ".join(str(attrs.get("class") or "") for _, attrs in self.open)
            lang = [attrs["lang"] for _, attrs in self.open if attrs.get("lang")]
            if "mono" not in classes.split() and (not lang or lang[-1] == "zh-Hans" or len(lang) == 1):
                self.texts.append(data.strip())

    @property
    def nameless(self) -> list[dict[str, str | None]]:
        return [
            field
            for field in self._fields
            if not field["within"] and not field.get("aria-label") and field.get("id") not in self._labelled
        ]


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.mark.parametrize(("path", "user"), ADDRESSES)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(sample: Sample, path: str, user: str) -> None:
    page = read(sample.page(path, user=user))
    assert not page.inline
    assert not page.foreign


@pytest.mark.parametrize(("path", "user"), ADDRESSES)
def test_ids_are_given_once_and_fields_have_names(sample: Sample, path: str, user: str) -> None:
    page = read(sample.page(path, user=user))
    assert len(page.ids) == len(set(page.ids)), [i for i in page.ids if page.ids.count(i) > 1]
    assert not page.nameless


#: What people typed into the sample rows, and names that are the same in every language.
_STAYS = {
    "*.example.com",
    "*:nightly-*",
    "*.gcr.io",
    "Base images for everybody",
    "Payment services and their sidecars",
    "Spark, Trino, Airflow and friends",
    "GitHub packages",
    "GitHub packages · ghcr.io",
    "Cluster add-ons 1.31",
    "English",
    "Digest",
    "Webhook",
    "OS/ARCH",
    "SBOM",
    "HTTP 200",
    "HTTP 503",
    "UTC",
    "URL",
    "· Asia/Shanghai",
    "Asia/Shanghai",
    "https://chat.example.com/hooks/registry",
    "linux/amd64, linux/arm64, linux/arm/v7",
    "143 ms",
    *("Docker", "K3s", "Kyverno", "OpenShift", "Podman, CRI-O"),
    "shop, web",
}
#: A name of an image, a host, a platform, a person or a command: no word of a sentence.
_NAME = re.compile(r"[a-z0-9]+(?:[-_./:@+$][A-Za-z0-9]+)*[-_./]?|[\d.,]+ [KMGT]?i?B(?:/s)?|[\W\d]*", re.ASCII)


@pytest.mark.parametrize(("path", "user"), ADDRESSES)
def test_chinese_pages_hold_no_english_text(sample: Sample, path: str, user: str) -> None:
    english = set(read(sample.page(path, user=user)).texts)
    same = [text for text in read(sample.page(path, user=user, language="zh-hans")).texts if text in english]
    left = {text for text in same if text not in _STAYS and not _NAME.fullmatch(text)}
    assert not left


#: Words of the database and of Python.
_RAW = r"None|True|False|pending|running|canceling|failed|canceled|success|import\.\w+|[a-z]+_[a-z]+"


@pytest.mark.parametrize(("path", "user"), ADDRESSES)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_no_raw_value_reaches_the_eye(sample: Sample, path: str, user: str, language: str) -> None:
    for text in read(sample.page(path, user=user, language=language)).texts:
        assert not re.search(r"\d{4}-\d\d-\d\dT|\d\d:\d\d:\d\d\.\d|%\(\w+\)", text), text
        assert not re.fullmatch(
            r"None|True|False|pending|running|canceling|failed|canceled|success|import\.\w+|[a-z]+_[a-z]+",
            text,
        ), text


def test_chinese_times_are_written_the_chinese_way(sample: Sample) -> None:
    page = sample.page("/projects/library/imports/", language="zh-hans")
    assert re.search(r'title="20\d\d年\d{1,2}月\d{1,2}日 \d\d:\d\d UTC"', page)


def test_every_answer_carries_a_strict_policy(db: None) -> None:
    policy = Client().get("/accounts/login/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_scripts_never_make_code_of_text(sample: Sample) -> None:
    page = sample.page("/accounts/login/", user="")
    assert '"allowEval":false' in page
    assert '"includeIndicatorStyles":false' in page
    assert '"selfRequestsOnly":true' in page


def test_the_pictures_show_every_kind_of_page() -> None:
    assert len({shot.name for shot in PAGES}) == len(PAGES) > 30
