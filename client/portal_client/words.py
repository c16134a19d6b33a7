"""The client's own sentences in English and Simplified Chinese, by the language of the environment."""

from __future__ import annotations

import os
from functools import lru_cache

from portal_client.zh import SENTENCES


@lru_cache(maxsize=1)
def language() -> str:
    """``zh-CN`` or ``en``, by LC_ALL, LC_MESSAGES and LANG: the first that is set counts."""
    first = next((text for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (text := os.environ.get(name))), "")
    return "zh-CN" if first.lower().startswith("zh") else "en"


def _(sentence: str) -> str:
    """The sentence in the reader's language; English where there is no other."""
    return SENTENCES.get(sentence, sentence) if language() == "zh-CN" else sentence
