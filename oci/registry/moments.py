"""Moments as strangers write them; None for what is none, or so far from now that no page could show it."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime
from typing import Final

_MILLISECONDS: Final = re.compile(r"[0-9]{1,15}")
#: A calendar's first and last year, with room for any time zone.
_YEARS: Final = range(1970, 9999)


def of_http(text: str | None) -> dt.datetime | None:
    """A date of a header (RFC 9110, section 5.6.7)."""
    try:
        return _shown(parsedate_to_datetime(text)) if text else None
    except (ValueError, TypeError, OverflowError):
        return None


def of_iso(text: object) -> dt.datetime | None:
    """ISO 8601 with a time zone, as Helm writes it."""
    try:
        return _shown(dt.datetime.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def of_milliseconds(text: object) -> dt.datetime | None:
    """Milliseconds since 1970 as decimal text, as Google's registries write it."""
    if not isinstance(text, str) or not _MILLISECONDS.fullmatch(text):
        return None
    try:
        return _shown(dt.datetime.fromtimestamp(int(text) / 1000, dt.UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _shown(moment: dt.datetime) -> dt.datetime | None:
    return moment if moment.tzinfo is not None and moment.year in _YEARS else None
