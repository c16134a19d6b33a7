"""Globs over whole names: ``*`` is any characters, slashes too, ``?`` one, ``[…]`` one of some; case counts."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache


def fits(pattern: str, name: str) -> bool:
    """Whether the whole name is one that the pattern means."""
    return _compiled(pattern).match(name) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern), re.ASCII)
