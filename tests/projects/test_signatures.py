"""What is said of a verdict that was kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from projects.signatures import shown

DIGEST = "sha256:" + "a" * 64


def kept(state: str, **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"by": "", "at": None, "digest": DIGEST, "reason": None, "anchors": []}
    return {"state": state, "at_target": False, **usual, **more}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (kept("verified", by="release"), f"The signature of {DIGEST} is valid at the source."),
        (
            kept("verified", by="release", at_target=True),
            f"The signature of {DIGEST} is valid, at the source and here.",
        ),
        (
            kept("verified", by="ci", at="2026-11-27T08:04:28+00:00", at_target=True),
            f"The signature of {DIGEST} is valid, at the source and here. Signed 2026-11-27 08:04 UTC.",
        ),
        (kept("unsigned"), f"No signature was found for {DIGEST}."),
        (kept("invalid"), f"No trusted signer has signed {DIGEST}."),
        (kept("unknown"), f"The source didn't say whether {DIGEST} is signed."),
        (
            kept("unknown", reason={"template": "%(host)s is away.", "params": {"host": "ghcr.io"}}),
            "ghcr.io is away.",
        ),
    ],
)
def test_each_verdict_has_its_sentence(row: dict[str, Any], said: str) -> None:
    found = shown(row)
    assert (found.state, found.by, found.detail, found.asked) == (row["state"], row["by"], said, True)


def test_where_nobody_asked_it_says_so_and_claims_nothing() -> None:
    found = shown(None)
    assert (found.state, found.asked) == ("unknown", False)


def test_the_sentences_are_there_in_chinese() -> None:
    with translation.override("zh-hans"):
        assert shown(kept("unsigned")).detail == f"没有找到 {DIGEST} 的签名。"
