"""Columns of the list of images: which of them a person wants to see, what their heads say and sort by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

#: What the list may be ordered by, each also falling; without a word: what was set last first.
ORDERS: Final = ("repository", "size", "updated_at")
#: Which way a column is ordered first.
_FIRST: Final = {"repository": "repository", "size": "-size", "updated_at": "-updated_at"}
#: Columns that one may choose, from the left; the name stands before them always.
_WORDS: Final = {
    "digest": gettext_noop("Digest"),
    "platforms": "OS/ARCH",
    "size": gettext_noop("Size"),
    "updated_at": gettext_noop("Updated"),
    "source": gettext_noop("Source"),
    "last_pulled_at": gettext_noop("Last pulled"),
}
_UNASKED: Final = ("digest", "platforms", "size", "updated_at")
_KEPT: Final = "image_columns"


def columns_of(request: HttpRequest) -> list[str]:
    """Those that were asked for, else those that this person chose last in this browser. ``?columns=`` alone: none."""
    if "columns" in request.GET:
        asked = [name for name in _WORDS if name in request.GET.getlist("columns")]
        if request.session.get(_KEPT, list(_UNASKED)) != asked:
            request.session[_KEPT] = asked
        return asked
    kept = request.session.get(_KEPT, _UNASKED)
    return [name for name in _WORDS if name in kept]


def choices(shown: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Each column to choose: its name, its word, whether it is shown."""
    return [(name, _(word), name in shown) for name, word in _WORDS.items()]


def heads(shown: Sequence[str], order: str) -> list[tuple[str, str, str]]:
    """Head of each column: its word, by what a press orders (empty: by nothing), how it is ordered now."""
    ordered = order or "-updated_at"
    found = []
    for name, label in [("repository", _("Image")), *((name, _(_WORDS[name])) for name in shown)]:
        sort, press = "", _FIRST.get(name, "")
        if ordered.removeprefix("-") == name:
            sort, press = ("descending", name) if ordered.startswith("-") else ("ascending", f"-{name}")
        found.append((label, press, sort))
    return found
