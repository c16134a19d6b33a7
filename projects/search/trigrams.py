"""A trigram index beside a table: parts of texts are found as quickly among a million rows as among a thousand.

SQLite gets a full-text table (FTS5, tokenizer ``trigram``) that triggers keep true, so that rows written in bulk are
found too. A project's rows lie together in it, so that a search in one project does not read what others have.

PostgreSQL has ``pg_trgm`` for all rows at once. For those of one project there is a second index, of trigrams that
begin with the project: what only other projects have does not stand in it under this one.

Both are made and mended after every ``migrate``: SQLite's schema changes rebuild a table, and its triggers go with the
old one.
"""
# ruff: noqa: S608 - statements are made of the names of our own tables

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connections, transaction

log = structlog.get_logger(__name__)

#: Rows of one project have keys in SQLite's index that begin with the same number: room for a million millions.
_PLACES: Final = 1 << 40
#: PostgreSQL: the trigrams of a text as numbers, each with the last 16 bits of the project's id before it. Two projects
#: may share these, and far characters 15 bits: more is found then than is wanted, never less. Another body needs
#: another name, and an index of its own: in this one stands what the function said when the row was written.
GRAMS: Final = """
CREATE OR REPLACE FUNCTION portal_grams(project uuid, written text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
SELECT array_agg(DISTINCT
    (coalesce(('x' || right(project::text, 4))::bit(16)::integer, 0)::bigint << 45)
    | ((ascii(substr(big, at, 1)) & 32767)::bigint << 30)
    | ((ascii(substr(big, at + 1, 1)) & 32767)::bigint << 15)
    | (ascii(substr(big, at + 2, 1)) & 32767)::bigint)
FROM upper(written) AS big, generate_series(1, length(big) - 2) AS at $$
"""


def gram(project_id: UUID, letters: str) -> int:
    """One of PostgreSQL's numbers (:data:`GRAMS`), for three letters in upper case."""
    first, second, third = (ord(letter) & 0x7FFF for letter in letters)
    return int(project_id.hex[-4:], 16) << 45 | first << 30 | second << 15 | third


@dataclass(frozen=True, slots=True)
class TrigramIndex:
    """An index of the three-letter pieces of some columns, by which parts of texts are found.

    :param table: whose rows are found; it has ``id`` and ``project_id``.
    :param name: of the index; SQLite's tables are called so, PostgreSQL's indexes begin with it.
    :param columns: texts that are searched.
    :param newest: the time by which lists are ordered, for PostgreSQL's look at what is common.
    :param scoped: rows of one project are sought, too.
    :param common: up to so many hits are fetched through the index; a text that is found more often is common, and a
        page of it full after a walk through the newest rows. Where both take equally long: about the root of the rows.
    """

    table: str
    name: str
    columns: tuple[str, ...]
    newest: str
    common: int = 1000
    scoped: bool = True

    @property
    def tables(self) -> tuple[str, str]:
        """The table, and SQLite's of its keys in the index."""
        return self.table, f"{self.name}_rows"

    def ensure(self, using: str = "default") -> None:
        """Make what is missing, or what an older release made otherwise. Harmless to repeat."""
        connection = connections[using]
        if self.table not in connection.introspection.table_names():
            return
        if connection.vendor == "sqlite":
            self._ensure_sqlite(using)
        elif connection.vendor == "postgresql":
            self._ensure_postgres(using)

    def drop(self, using: str = "default") -> None:
        """Take it away, for loading many rows at once; :meth:`ensure` makes it again."""
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            statements = self._drops() if connections[using].vendor == "sqlite" else self._postgres_drops()
            for statement in statements:
                cursor.execute(statement)

    # --- SQLite ----------------------------------------------------------------------------------

    def _ensure_sqlite(self, using: str) -> None:
        wanted = dict(self._triggers())
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE %s", [f"{self.name}_%"])
            there = {name: sql for name, sql in cursor.fetchall() if name in wanted}
            if any(there[name] != wanted[name] for name in there):
                for statement in self._drops():
                    cursor.execute(statement)
                there = {}
            for statement in self._tables():
                cursor.execute(statement)
            for name in wanted.keys() - there.keys():
                cursor.execute(wanted[name])
            for statement in self._missed():
                cursor.execute(statement)

    def places_of(self, project_id: str) -> tuple[int, int]:
        """The first and the last key in SQLite's index that a project's rows may have.

        :param project_id: hexadecimal, as SQLite keeps it.
        """
        first = int(project_id[-4:], 16) * _PLACES
        return first, first + _PLACES - 1

    def _tables(self) -> Iterator[str]:
        yield f"CREATE TABLE IF NOT EXISTS {self.name}_rows (id INTEGER PRIMARY KEY, item CHAR(32) NOT NULL UNIQUE)"
        yield f"CREATE VIRTUAL TABLE IF NOT EXISTS {self.name} USING fts5(texts, tokenize='trigram')"

    @property
    def triggers(self) -> tuple[str, ...]:
        """SQLite's statements that keep the index true. Only while they stand in the database as they are here, the
        index is there and is what this release knows."""
        return _statements(self)

    def _triggers(self) -> Iterator[tuple[str, str]]:
        watched = ", ".join(("project_id", *self.columns))
        insert = f"""INSERT INTO {self.name}_rows (id, item) VALUES ({self._last("NEW")} + 1, NEW.id);
                INSERT INTO {self.name} (rowid, texts)
                SELECT id, {self._texts("NEW")} FROM {self.name}_rows WHERE item = NEW.id;"""
        delete = f"""DELETE FROM {self.name} WHERE rowid = (SELECT id FROM {self.name}_rows WHERE item = OLD.id);
                DELETE FROM {self.name}_rows WHERE item = OLD.id;"""
        for event, when, body in (
            ("insert", "INSERT", insert),
            ("delete", "DELETE", delete),
            ("update", f"UPDATE OF {watched}", f"{delete} {insert}"),
        ):
            name = f"{self.name}_{event}"
            yield name, f"CREATE TRIGGER {name} AFTER {when} ON {self.table} BEGIN {body} END"

    def _missed(self) -> Iterator[str]:
        """Rows written while there were no triggers, in the order of their keys: else each would be written alone."""
        number = f"row_number() OVER (PARTITION BY {_first_place('t')} ORDER BY id)"
        yield f"""CREATE TEMPORARY TABLE missed AS SELECT {self._last("t")} + {number} AS id, id AS item
            FROM {self.table} t WHERE id NOT IN (SELECT item FROM {self.name}_rows)"""
        yield f"INSERT INTO {self.name}_rows (id, item) SELECT id, item FROM missed"
        yield f"""INSERT INTO {self.name} (rowid, texts)
            SELECT m.id, {self._texts("t")} FROM missed m JOIN {self.table} t ON t.id = m.item ORDER BY m.id"""
        yield "DROP TABLE missed"

    def _last(self, row: str) -> str:
        """The last key that is taken among those of the row's project."""
        first = _first_place(row)
        among = f"SELECT id FROM {self.name}_rows WHERE id BETWEEN {first} AND {first} + {_PLACES - 1}"
        return f"coalesce(({among} ORDER BY id DESC LIMIT 1), {first})"

    def _texts(self, row: str) -> str:
        """Each text ends with a line, so that its last two letters begin a trigram too."""
        return " || ".join(f"{row}.{column} || char(10)" for column in self.columns)

    def _drops(self) -> Iterator[str]:
        yield from (f"DROP TRIGGER IF EXISTS {self.name}_{event}" for event in ("insert", "delete", "update"))
        yield from (f"DROP TABLE IF EXISTS {self.name}{suffix}" for suffix in ("", "_rows"))

    # --- PostgreSQL ------------------------------------------------------------------------------

    @property
    def grams(self) -> str:
        """What PostgreSQL's index of each project's own trigrams is made of; texts end as those of SQLite do."""
        return f"portal_grams(project_id, {' || '.join(f'{column} || chr(10)' for column in self.columns)})"

    def leading(self, *, scoped: bool) -> str:
        """The name of the index that PostgreSQL needs for a search in one project, or in all."""
        return f"{self.name}_{'grams' if scoped else self.columns[0]}"

    def _ensure_postgres(self, using: str) -> None:
        """Without the right to make the extension or the function search still works, only slower; the operator is
        told how to repair it."""
        own = f"CREATE INDEX IF NOT EXISTS {self.name}_grams ON {self.table} USING gin ({self.grams})"
        # As Django's ``icontains`` asks: ``UPPER(column::text) LIKE UPPER('%…%')``.
        all_rows = [
            f"CREATE INDEX IF NOT EXISTS {self.name}_{column} ON {self.table} "
            f"USING gin (UPPER({column}::text) gin_trgm_ops)"
            for column in self.columns
        ]
        if self.scoped:
            self._try(using, [GRAMS, own], "Let the portal's role make functions; then migrate again.")
        self._try(
            using,
            ["CREATE EXTENSION IF NOT EXISTS pg_trgm", *all_rows],
            "As a database superuser run: CREATE EXTENSION pg_trgm; then migrate again.",
        )

    def _try(self, using: str, statements: list[str], hint: str) -> None:
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        except DatabaseError as exc:
            log.warning("search.no_index", table=self.table, error=str(exc).strip(), hint=hint)

    def _postgres_drops(self) -> Iterator[str]:
        yield from (f"DROP INDEX IF EXISTS {self.name}_{column}" for column in ("grams", *self.columns))


@cache
def _statements(index: TrigramIndex) -> tuple[str, ...]:
    return tuple(statement for _name, statement in index._triggers())


def _first_place(row: str) -> str:
    """The number that the last four digits of the row's project are, moved to the front; 0 without a project."""
    digits = [f"instr('123456789abcdef', substr({row}.project_id, {at}, 1))" for at in (-4, -3, -2, -1)]
    number = " + ".join(f"{digit} * {16**place}" for digit, place in zip(digits, (3, 2, 1, 0), strict=True))
    return f"coalesce(({number}) * {_PLACES}, 0)"


#: Tags: repository, tag and digest.
IMAGES: Final = TrigramIndex(
    "projects_image", "image_search", ("repository", "tag", "digest"), "updated_at", common=300
)
#: The audit log: who, where, and what about.
EVENTS: Final = TrigramIndex(
    "projects_auditevent", "event_search", ("actor_name", "project_name", "subject"), "at", scoped=False
)
INDEXES: Final = (IMAGES, EVENTS)
