"""A position in an ordered list as a text for addresses: the values after which a page begins."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

#: Longer texts are none of ours, characters.
MAX_CHARS: Final = 4096


def encode(values: Sequence[str | int | float | bool | None]) -> str:
    """The text that :func:`decode` reads; opaque to those who keep it."""
    raw = json.dumps(list(values), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode("ascii")


def decode(text: str) -> list[Any]:
    """The values; whether they are of the right kinds is for the caller to say.

    :raises ValueError: it is none of ours.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(len(text))
    try:
        found = json.loads(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
    except RecursionError as exc:
        raise ValueError(len(text)) from exc
    if not isinstance(found, list) or any(isinstance(value, (list, dict)) for value in found):
        raise ValueError(text)
    return found
