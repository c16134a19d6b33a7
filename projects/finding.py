"""Rows that contain a text, by the trigram index of their table (:mod:`projects.trigrams`).

No database can tell well how often a part of a word stands in a million rows, so the choice is made here: a rare text
is found through the index, a common one by walking the newest rows, where the page is full after a few.
"""
# ruff: noqa: S608 - the only names in statements are those of our own indexes; what was typed is a parameter

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection
from django.db.models.expressions import RawSQL

from projects.trigrams import TrigramIndex

#: PostgreSQL looks at so many of the newest rows first: a text that so many of them contain is common, too.
SAMPLE: Final = 1000
OFTEN: Final = 20
#: What may follow two letters in the name of an image (upper case is folded): they are sought as three.
_FOLLOWING: Final = string.ascii_lowercase + string.digits + string.punctuation + " \n"

Alternatives = Sequence[Sequence[str]]


def rare(
    index: TrigramIndex, alternatives: Alternatives, *, project_id: UUID | None
) -> RawSQL | list[UUID] | None:
    """The ids of the rows that contain all texts of one of the alternatives, upper and lower case alike, and perhaps
    of some others; None when there are too many to list, or the index can't tell.

    :param project_id: the project whose rows are wanted; None: any.
    """
    if connection.vendor == "sqlite":
        return _rare_in_sqlite(index, alternatives, project_id)
    if connection.vendor == "postgresql":
        return _rare_in_postgres(index, alternatives, project_id)
    return None


# --- SQLite ------------------------------------------------------------------------------------------


def _rare_in_sqlite(
    index: TrigramIndex, alternatives: Alternatives, project_id: UUID | None
) -> RawSQL | list[UUID] | None:
    wanted = [_all_of(texts) for texts in alternatives]
    if not all(wanted):
        return None
    values: list[Any] = [" OR ".join(f"({each})" for each in wanted)]
    mine = ""
    if project_id is not None:
        mine = "AND rowid BETWEEN %s AND %s"
        values += index.places_of(project_id.hex)
    found = f"SELECT rowid FROM {index.name} WHERE {index.name} MATCH %s {mine} LIMIT {index.common + 1}"
    triggers = index.triggers
    kept = f"SELECT count(*) FROM sqlite_master WHERE sql IN ({', '.join(['%s'] * len(triggers))})"
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT ({kept}), count(*) FROM ({found})", [*triggers, *values])
            standing, count = cursor.fetchone()
    except OperationalError:
        return None
    # Another release has made the index otherwise, and this process has yet to be restarted; or a table was rebuilt.
    if standing < len(triggers):
        return None
    if count > index.common:
        return None
    if not count:
        return []
    return RawSQL(f"SELECT item FROM {index.name}_rows WHERE id IN ({found})", values)  # noqa: S611 - see above


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


# --- PostgreSQL --------------------------------------------------------------------------------------


def _rare_in_postgres(
    index: TrigramIndex, alternatives: Alternatives, project_id: UUID | None
) -> list[UUID] | None:
    sample, sampled = _any_of(index, alternatives, by_index=False)
    if not sample:
        return None
    mine, whose = ("project_id = %s", [project_id]) if project_id is not None else ("true", [])
    columns = ", ".join(index.columns)
    newest = f"SELECT {columns} FROM {index.table} WHERE {mine} ORDER BY {index.newest} DESC, id DESC LIMIT {SAMPLE}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), to_regclass(%s) FROM ({newest}) AS newest WHERE {sample}",
            [index.leading(scoped=project_id is not None), *whose, *sampled],
        )
        often, there = cursor.fetchone()
        if often >= OFTEN or there is None:
            return None
        if project_id is not None and all(any(len(text) >= 3 for text in texts) for texts in alternatives):
            matches, values = _any_of_project(index, alternatives, project_id)
        else:
            matches, values = _any_of(index, alternatives, by_index=True)
            matches, values = f"{mine} AND {matches}", [*whose, *values]
        # By itself, or PostgreSQL would walk the rows in the order that the page wants.
        cursor.execute(
            f"WITH found AS MATERIALIZED (SELECT id FROM {index.table} WHERE {matches}) "
            f"SELECT id FROM found LIMIT {index.common + 1}",
            values,
        )
        found = [row[0] for row in cursor.fetchall()]
    return None if len(found) > index.common else found


def _any_of(index: TrigramIndex, alternatives: Alternatives, *, by_index: bool) -> tuple[str, list[Any]]:
    """A condition and its values; empty where the index can't help.

    :param by_index: say pairs as three letters each, which rows that are read anyway need not be compared with.
    """
    either, values = [], []
    for texts in alternatives:
        known = [found for text in texts if (found := _pattern(text, by_index=by_index))]
        if not known:
            return "", []
        each = []
        for form, wanted in known:
            each.append(
                "(" + " OR ".join(form.format(f"UPPER({column}::text)") for column in index.columns) + ")"
            )
            values += [*wanted] * len(index.columns)
        either.append("(" + " AND ".join(each) + ")")
    return "(" + " OR ".join(either) + ")", values


def _any_of_project(
    index: TrigramIndex, alternatives: Alternatives, project_id: UUID
) -> tuple[str, list[Any]]:
    """A condition on the index of each project's own trigrams alone, and its values: with any other beside it,
    PostgreSQL might use that one's index and reckon the trigrams of every row. Each alternative has a text of three
    letters or more; shorter ones are not looked at."""
    either, values = [], []
    for texts in alternatives:
        long = [text for text in texts if len(text) >= 3]
        either.append("(" + " AND ".join([f"{index.grams} @> portal_grams(%s, %s)"] * len(long)) + ")")
        for text in long:
            values += [project_id, text]
    return " OR ".join(either), values


def _pattern(text: str, *, by_index: bool) -> tuple[str, list[str]] | None:
    """A condition on one column, and its values; None where there is no trigram in it."""
    if len(text) >= 3:
        return "{} LIKE UPPER(%s)", [f"%{connection.ops.prep_for_like_query(text)}%"]
    if len(text) == 2 and text.isascii() and text.isalnum():
        # As three letters, the third one of those that names are made of; or at the end.
        pair = text.upper()
        if not by_index:
            return "{} LIKE %s", [f"%{pair}%"]
        return "({0} ~ %s OR {0} LIKE %s)", [f"{pair}[-A-Z0-9._/:@]", f"%{pair}"]
    return None
