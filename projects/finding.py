"""Rows that contain a text, by the trigram index of their table (:mod:`projects.trigrams`).

SQLite has no statistics of words, so the choice is made here: a rare text is found through the index, a common one by
walking the newest rows, where the page is full after a few.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from projects.trigrams import TrigramIndex

#: Up to so many hits are fetched through the index; a text that is found more often is common.
COMMON: Final = 2000
#: What may follow two letters in the name of an image (upper case is folded): they are sought as three.
_FOLLOWING: Final = string.ascii_lowercase + string.digits + string.punctuation + " \n"


def rare(
    index: TrigramIndex, alternatives: Sequence[Sequence[str]], *, project_id: UUID | None
) -> list[str] | None:
    """Ids of the rows that contain all texts of one of the alternatives, upper and lower case alike, and perhaps of
    some others; None when there are too many to list, or the index can't tell.

    :param project_id: the project whose rows are wanted; None: any.
    """
    if connection.vendor != "sqlite":
        return None
    wanted = [_all_of(texts) for texts in alternatives]
    if not all(wanted):
        return None
    match = " OR ".join(f"({each})" for each in wanted)
    if project_id is not None:
        match = f"project : {_quoted(project_id.hex[-3:])} AND texts : ({match})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT item FROM {index.name}_rows WHERE id IN "  # noqa: S608 - a name of our own
            f"(SELECT rowid FROM {index.name} WHERE {index.name} MATCH %s LIMIT %s)",
            [match, COMMON + 1],
        )
        found = [row[0] for row in cursor.fetchall()]
    return None if len(found) > COMMON else found


def _all_of(texts: Sequence[str]) -> str:
    return " AND ".join(f"({each})" for text in texts if (each := _containing(text)))


def _containing(text: str) -> str:
    """FTS5's query for a text; empty where the index knows nothing of it."""
    if len(text) >= 3:
        return _quoted(text)
    if len(text) == 2 and text.isascii():
        return " OR ".join(_quoted(text + following) for following in _FOLLOWING)
    return ""


def _quoted(text: str) -> str:
    """An FTS5 string (SQLite's documentation, 3.1 "FTS5 Strings"): no word in it is an operator."""
    escaped = text.replace('"', '""')
    return f'"{escaped}"'
