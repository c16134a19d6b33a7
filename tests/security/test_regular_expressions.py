"""No text makes a regular expression of the product take long: ``re`` holds the interpreter's lock while it matches."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import pytest

from stack.paths import ROOT
from tests.support import pumping

#: Characters of a text, the most that an answer's headers or an error body may have.
LENGTH = 64 * 1024
#: Processor time that one call may take, seconds. One pass over such a text takes some ms, also on a slow machine; what
#: grows with the square of the length takes seconds.
MOST = 0.4

PATTERNS = pumping.patterns()

#: Expressions that can't be kept by a module, each with the bound of the texts that it meets.
MADE_WHEN_USED = {
    # A glob of at most 200 characters, for tags of at most 128: test_a_glob_takes_no_time.
    "projects/tags/tag_rules.py: re.compile(translate(self.text), re.ASCII)",
    # A glob of at most 400 characters, for names and tags that a registry takes: test_a_long_glob_takes_no_time.
    "projects/tags/globs.py: re.compile(translate(pattern), re.ASCII)",
    # A rule's globs; each star's text is in an atomic group: tests/imageimport/policy/test_globs.py.
    "imageimport/policy/globs.py: re.compile('|'.join(map(_expression, patterns)), re.ASCII | re.DOTALL)",
    # A glob of an identity that a maintainer trusts, by fnmatch, whose expressions don't backtrack.
    "oci/signatures/anchors.py: re.compile(translate(glob.replace('[', '[[]')))",
    # A glob of a schedule's rule against the letters of tags, one at a time.
    "imageimport/schedules/tag_sets.py: re.compile(translate('?' if piece == '*' else piece), re.ASCII)",
    # The operator's own .env, by a name of ours.
    "stack/install/system.py: re.compile(f'^\\\\s*(export\\\\s+)?{name}(_FILE)?\\\\s*=\\\\s*\\\\S', re.MULTILINE)",
}


def seconds_of(call: Callable[[], Any]) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


def slowest(pattern: re.Pattern[str], uses: Collection[str], length: int = LENGTH) -> tuple[float, str]:
    """The longest that one use of a pattern took, up to the first that is too long, and on what."""
    worst = (0.0, "")
    for text in pumping.texts(pattern, length):
        for use in uses:
            call = partial(pattern.sub, "", text) if use == "sub" else partial(getattr(pattern, use), text)
            worst = max(worst, (seconds_of(call), f"{use} of {text[:40]!r}…"))
        if worst[0] > MOST:
            break
    return worst


def test_every_expression_is_kept_where_this_test_finds_it() -> None:
    assert set(pumping.loose_expressions()) == MADE_WHEN_USED
    assert len(PATTERNS) > 60


@pytest.mark.parametrize("place", PATTERNS)
def test_no_text_makes_it_slow(place: str) -> None:
    took, on = slowest(PATTERNS[place], pumping.uses(place))
    assert took < MOST, on


def test_no_archive_that_came_from_elsewhere_is_read_by_the_standard_library() -> None:
    """What expressions tarfile has depends on Python's release: some take hours for a header of digits."""
    product = ("oci", "accounts", "projects", "imageimport", "registry_portal", "workloads")
    texts = {
        path: path.read_text(encoding="utf-8") for place in product for path in (ROOT / place).rglob("*.py")
    }
    assert len(texts) > 300
    assert [
        path for path, text in texts.items() if re.search(r"tarfile\.(open|TarFile)|import zipfile", text)
    ] == []


def test_the_attack_finds_what_is_quadratic() -> None:
    """The expressions that this test was written for, on half of the text: they take a quarter of the time, which is
    still several times too long."""
    scheme = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@")
    query = re.compile(r"(?i)(https?://[^\s?\"'<>]+)\?[^\s\"'<>]*")
    for pattern in (scheme, query):
        assert slowest(pattern, ["sub"], LENGTH // 2)[0] > MOST
