"""Bytes a second as people write them. Pure: no rows, no settings."""

from __future__ import annotations

import re
from typing import Final

_AMOUNT: Final = re.compile(
    r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?(?:/s)?", re.ASCII
)
_UNITS: Final = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
#: Of a project, bytes a second: with less nothing would ever come.
MIN_BANDWIDTH: Final = 1000
MAX_BANDWIDTH: Final = 2**40


def parse_amount(text: str) -> int:
    """``20MB`` (10⁶) or ``20MiB`` (2²⁰) as bytes; a plain number is bytes.

    :raises ValueError: it is no amount, or none at all.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError("bytes a second are written as 20MB, 512KiB or a plain number")
    found = int(float(match[1]) * _UNITS[match[2] or "B"])
    if found < 1:
        raise ValueError("it must be more than nothing")
    return found
