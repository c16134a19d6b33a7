"""Globs over names: ``*`` is any characters, slashes too, ``?`` is one; the whole must match."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

#: Patterns that processes keep ready. A rule has few, an installation some thousand rules at most.
_KEPT: Final = 20_000
_STARS: Final = re.compile(r"\*+")


@lru_cache(maxsize=_KEPT)
def matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Says whether any of the patterns is the whole of a text. Takes time in proportion to the text, whatever the
    pattern: nothing that a star took is given back.
    """
    return re.compile("|".join(map(_expression, patterns)), re.ASCII | re.DOTALL).fullmatch


def matches(patterns: Sequence[str], text: str) -> bool:
    """Whether any of the patterns is the whole of ``text``; none at all fit everything."""
    return not patterns or matcher(tuple(patterns))(text) is not None


def _expression(pattern: str) -> str:
    """``a*b*c`` finds the first ``b`` after ``a``, once and for all, and then ends with ``c``."""
    first, *rest = (re.escape(part).replace(r"\?", ".") for part in _STARS.split(pattern))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
