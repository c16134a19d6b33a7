"""Sentences that rows keep in parts, and the readers' languages."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from imageimport.messages import WAITING, english, of_error, parts, shown
from oci.errors import OciError
from oci.redaction import MASK, remember


def test_parts_hold_no_secret_and_numbers_stay_numbers() -> None:
    with remember("hunter2-canary"):
        kept = parts("%(why)s (%(count)d)", {"why": "it said hunter2-canary", "count": 3})
    assert kept == {"template": "%(why)s (%(count)d)", "params": {"why": f"it said {MASK}", "count": 3}}
    assert english(kept) == f"it said {MASK} (3)"


def test_a_sentence_is_shown_in_the_readers_language_and_kept_in_english() -> None:
    kept = parts(WAITING)
    with override("zh-hans"):
        chinese = shown("", kept)
    assert chinese and chinese != WAITING
    assert english(kept) == WAITING


@pytest.mark.parametrize("stored", [None, {}, {"template": ""}])
def test_a_row_without_parts_shows_its_plain_text(stored: dict[str, str] | None) -> None:
    assert shown("as an earlier release wrote it", stored) == "as an earlier release wrote it"


def test_an_error_of_the_engine_is_kept_as_it_was() -> None:
    error = OciError("no_space", "%(host)s has %(left)d bytes left.", host="here", left=0)
    assert english(of_error(error)) == str(error)
