"""Rows that contain a text, by the trigram index of their table (:mod:`projects.search.trigrams`).

No database can tell well how often a part of a word stands in a million rows, so the choice is made here: a rare text
is found through the index, a common one by walking the newest rows, where the page is full after a few.
"""
# ruff: noqa: S608 - the only names in statements are those of our own indexes; what was typed is a parameter

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection
from django.db.models.expressions import RawSQL

from projects.search.trigrams import TrigramIndex, gram

#: PostgreSQL looks at so many of the newest rows first: a text that so many of them contain is common, too.
SAMPLE: Final = 500
OFTEN: Final = 10
#: What may follow two letters in the name of an image (its small letters are found, too): they are sought as three.
_FOLLOWING: Final = string.ascii_uppercase + string.digits + string.punctuation + " \n"

Alternatives = Sequence[Sequence[str]]
Pattern = Callable[[str], tuple[str, list[str]] | None]


def matching_ids(
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


def _is_pair(text: str) -> bool:
    return len(text) == 2 and text.isascii()


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
    if _is_pair(text):
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
    if project_id is None:
        mine, whose = "true", []
        matches, values = _any_of(index, alternatives, _by_index)
    else:
        mine, whose = "project_id = %s", [project_id]
        matches, values = _any_of_project(index, alternatives, project_id)
    if not matches:
        return None
    sample, sampled = _any_of(index, alternatives, _by_reading)
    columns = ", ".join(index.columns)
    newest = f"SELECT {columns} FROM {index.table} WHERE {mine} ORDER BY {index.newest} DESC, id DESC LIMIT {SAMPLE}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), to_regclass(%s) "
            f"FROM (SELECT 1 FROM ({newest}) AS newest WHERE {sample} LIMIT {OFTEN}) AS hits",
            [index.leading(scoped=project_id is not None), *whose, *sampled],
        )
        often, there = cursor.fetchone()
        if often >= OFTEN or there is None:
            return None
        # By itself, or PostgreSQL would walk the rows in the order that the page wants.
        cursor.execute(
            f"WITH found AS MATERIALIZED (SELECT id FROM {index.table} WHERE {matches}) "
            f"SELECT id FROM found LIMIT {index.common + 1}",
            values,
        )
        found = [row[0] for row in cursor.fetchall()]
    return None if len(found) > index.common else found


def _any_of(index: TrigramIndex, alternatives: Alternatives, pattern: Pattern) -> tuple[str, list[Any]]:
    """A condition on the columns, and its values; empty where an alternative has no text that ``pattern`` knows."""
    either, values = [], []
    for texts in alternatives:
        known = [found for text in texts if (found := pattern(text))]
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


def _by_reading(text: str) -> tuple[str, list[str]] | None:
    """A condition on one column of rows that are read anyway, and its values; None for what the index can't tell."""
    if len(text) >= 3 or _is_pair(text):
        return "{} LIKE UPPER(%s)", [f"%{connection.ops.prep_for_like_query(text)}%"]
    return None


def _by_index(text: str) -> tuple[str, list[str]] | None:
    """As :func:`_by_reading`, for the index of all rows, which knows words only: a pair is said as three letters, the
    third one of those that names are made of; or at the end."""
    if len(text) >= 3:
        return _by_reading(text)
    if _is_pair(text) and text.isalnum():
        pair = text.upper()
        return "({0} ~ %s OR {0} LIKE %s)", [f"{pair}[-A-Z0-9._/:@]", f"%{pair}"]
    return None


def _any_of_project(
    index: TrigramIndex, alternatives: Alternatives, project_id: UUID
) -> tuple[str, list[Any]]:
    """A condition on the index of each project's own trigrams alone, and its values: with any other beside it,
    PostgreSQL might use that one's index and estimate the trigrams of every row. Empty where an alternative is of
    single letters; those beside a longer text are not looked at."""
    either, values = [], []
    for texts in alternatives:
        each = []
        for text in texts:
            if len(text) >= 3:
                each.append(f"{index.grams} @> portal_grams(%s, %s)")
                values += [project_id, text]
            elif _is_pair(text):
                each.append(f"{index.grams} && %s::bigint[]")
                values.append([gram(project_id, text.upper() + following) for following in _FOLLOWING])
        if not each:
            return "", []
        either.append("(" + " AND ".join(each) + ")")
    return " OR ".join(either), values
