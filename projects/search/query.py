"""Rows that contain a text, by the trigram index of their table (:mod:`projects.search.trigrams`).

No database can tell well how often a part of a word stands in a million rows, so the choice is made here: a rare text
is found through the index, a common one by walking the newest rows, where the page is full after a few.
"""
# ruff: noqa: S608 - the only names in statements are those of our own indexes; what was typed is a parameter

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import OperationalError, connection
from django.db.models import F, Func, Model, QuerySet
from django.db.models.expressions import RawSQL

from projects.search.trigrams import TrigramIndex, gram

#: PostgreSQL looks at so many of the newest rows first: a text that so many of them contain is common, too.
SAMPLE: Final = 500
OFTEN: Final = 10
#: What may follow two letters in the name of an image (its small letters are found, too): they are sought as three.
_FOLLOWING: Final = string.ascii_uppercase + string.digits + string.punctuation + " \n"

#: SQLite asks its index for each of so many projects by itself, which takes about 0.2 ms each.
MAX_PROJECTS: Final = 500

Alternatives = Sequence[Sequence[str]]
Pattern = Callable[[str], tuple[str, list[str]] | None]
Row = TypeVar("Row", bound=Model)


def matching_ids(
    index: TrigramIndex, alternatives: Alternatives, *, projects: Collection[UUID] | None
) -> RawSQL | list[UUID] | None:
    """The ids of the rows that contain all texts of one of the alternatives, upper and lower case alike, and perhaps
    of some others; None when there are too many to list, or the index can't tell.

    :param projects: whose rows are wanted; None: all. Rows of others may be among those that are found.
    """
    if connection.vendor == "sqlite":
        return _rare_in_sqlite(index, alternatives, projects)
    if connection.vendor == "postgresql":
        return _rare_in_postgres(index, alternatives, projects)
    return None


def passing(rows: QuerySet[Row], column: str, values: Collection[Any]) -> QuerySet[Row]:
    """The rows that have one of the values in a column, for the first page of a list that is full soon: read in the
    list's order, passing by those that don't.

    SQLite would read all that its index of the column has, and sort them; the plus sign keeps that index out of it
    (its documentation, "The SQLite Query Optimizer Overview", 2.1).
    """
    if connection.vendor != "sqlite":
        return rows.filter(**{f"{column}__in": values})
    field: Any = rows.model._meta.get_field(column)
    kind = getattr(field, "target_field", field)
    alias = f"passing_{column}"
    plain = Func(F(field.attname), template="+%(expressions)s", output_field=kind)
    return rows.alias(**{alias: plain}).filter(**{f"{alias}__in": values})


def _is_pair(text: str) -> bool:
    return len(text) == 2 and text.isascii()


# --- SQLite ------------------------------------------------------------------------------------------


def _rare_in_sqlite(
    index: TrigramIndex, alternatives: Alternatives, projects: Collection[UUID] | None
) -> RawSQL | list[UUID] | None:
    wanted = [_all_of(texts) for texts in alternatives]
    if not all(wanted):
        return None
    text = " OR ".join(f"({each})" for each in wanted)
    for found, values in _key_queries(index, text, projects):
        count = _count(index, found, values)
        if count is None:
            return None
        if not count:
            return []
        if count <= index.common:
            return RawSQL(f"SELECT item FROM {index.name}_rows WHERE id IN ({found})", values)  # noqa: S611 - see above
    return None


def _key_queries(
    index: TrigramIndex, text: str, projects: Collection[UUID] | None
) -> Iterator[tuple[str, list[Any]]]:
    """Queries for keys in the index, the quickest first, each with its values. What is rare among all rows is rare in
    any project; one project is asked for at once."""
    name, limit = index.name, index.common + 1
    if projects is None or len(projects) != 1:
        yield f"SELECT rowid FROM {name} WHERE {name} MATCH %s LIMIT {limit}", [text]
    if projects and len(projects) <= MAX_PROJECTS:
        places = [place for project in projects for place in index.places_of(project.hex)]
        yield (
            f"SELECT {name}.rowid FROM (VALUES {', '.join(['(%s, %s)'] * len(projects))}) AS mine "
            f"CROSS JOIN {name} WHERE {name}.rowid BETWEEN mine.column1 AND mine.column2 "
            f"AND {name} MATCH %s LIMIT {limit}",
            [*places, text],
        )


def _count(index: TrigramIndex, found: str, values: Sequence[Any]) -> int | None:
    """How many keys a query finds; None where the index isn't there as this release knows it: another has made it
    otherwise, and this process has yet to be restarted; or a table was rebuilt."""
    triggers = index.triggers
    kept = f"SELECT count(*) FROM sqlite_master WHERE sql IN ({', '.join(['%s'] * len(triggers))})"
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT ({kept}), count(*) FROM ({found})", [*triggers, *values])
            standing, count = cursor.fetchone()
    except OperationalError:
        return None
    return int(count) if standing == len(triggers) else None


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
    index: TrigramIndex, alternatives: Alternatives, projects: Collection[UUID] | None
) -> list[UUID] | None:
    whose: list[UUID] = []
    if projects is not None and len(projects) == 1:
        whose = [*projects]
        mine = "project_id = %s"
        matches, values = _any_of_project(index, alternatives, whose[0])
    else:
        mine = "true"
        matches, values = _any_of(index, alternatives, _by_index)
    if not matches:
        return None
    sample, sampled = _any_of(index, alternatives, _by_reading)
    columns = ", ".join(index.columns)
    newest = f"SELECT {columns} FROM {index.table} WHERE {mine} ORDER BY {index.newest} DESC, id DESC LIMIT {SAMPLE}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), to_regclass(%s) "
            f"FROM (SELECT 1 FROM ({newest}) AS newest WHERE {sample} LIMIT {OFTEN}) AS hits",
            [index.leading(scoped=bool(whose)), *whose, *sampled],
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
