"""A trigram index beside a table: parts of texts are found as quickly among a million rows as among a thousand.

PostgreSQL has ``pg_trgm``. SQLite gets a full-text table (FTS5, tokenizer ``trigram``) that triggers keep true, so
that rows written in bulk are found too. Both are made and mended after every ``migrate``: SQLite's schema changes
rebuild a table, and its triggers go with the old one.
"""
# ruff: noqa: S608 - statements are made of the names of our own tables

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import structlog
from django.db import DatabaseError, connections, transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TrigramIndex:
    """What is indexed.

    :param table: whose rows are found; it has ``id`` and ``project_id``.
    :param name: of the index; SQLite's tables are called so, PostgreSQL's indexes begin with it.
    :param columns: texts that are searched.
    :param newest: the time by which lists are ordered, for PostgreSQL's look at what is common.
    :param common: up to so many hits are fetched through the index; a text that is found more often is common, and a
        page of it full after a walk through the newest rows. Where both take equally long: about the root of the rows.
    """

    table: str
    name: str
    columns: tuple[str, ...]
    newest: str
    common: int = 1000

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

    def _tables(self) -> Iterator[str]:
        yield f"CREATE TABLE IF NOT EXISTS {self.name}_rows (id INTEGER PRIMARY KEY, item CHAR(32) NOT NULL UNIQUE)"
        yield f"CREATE VIRTUAL TABLE IF NOT EXISTS {self.name} USING fts5(project, texts, tokenize='trigram')"

    def _triggers(self) -> Iterator[tuple[str, str]]:
        watched = ", ".join(("project_id", *self.columns))
        found = f"(SELECT id FROM {self.name}_rows WHERE item = OLD.id)"
        for event, body in {
            "insert": f"""AFTER INSERT ON {self.table} BEGIN
                INSERT INTO {self.name}_rows (item) VALUES (NEW.id);
                INSERT INTO {self.name} (rowid, project, texts)
                SELECT id, {self._values("NEW")} FROM {self.name}_rows WHERE item = NEW.id; END""",
            "delete": f"""AFTER DELETE ON {self.table} BEGIN
                DELETE FROM {self.name} WHERE rowid = {found};
                DELETE FROM {self.name}_rows WHERE item = OLD.id; END""",
            "update": f"""AFTER UPDATE OF {watched} ON {self.table} BEGIN
                UPDATE {self.name} SET (project, texts) = ({self._values("NEW")}) WHERE rowid = {found}; END""",
        }.items():
            yield f"{self.name}_{event}", f"CREATE TRIGGER {self.name}_{event} {body}"

    def _missed(self) -> Iterator[str]:
        """Rows written while there were no triggers."""
        yield (
            f"INSERT INTO {self.name}_rows (item) SELECT id FROM {self.table} "
            f"WHERE id NOT IN (SELECT item FROM {self.name}_rows)"
        )
        yield (
            f"INSERT INTO {self.name} (rowid, project, texts) SELECT k.id, {self._values('t')} "
            f"FROM {self.name}_rows k JOIN {self.table} t ON t.id = k.item "
            f"WHERE k.id > (SELECT coalesce(max(rowid), 0) FROM {self.name})"
        )

    def _values(self, row: str) -> str:
        """A project is one trigram, which a few others may share; each text ends with a line, so that its last two
        letters begin a trigram too."""
        texts = " || ".join(f"{row}.{column} || char(10)" for column in self.columns)
        return f"substr({row}.project_id, -3), {texts}"

    def _drops(self) -> Iterator[str]:
        yield from (f"DROP TRIGGER IF EXISTS {self.name}_{event}" for event in ("insert", "delete", "update"))
        yield from (f"DROP TABLE IF EXISTS {self.name}{suffix}" for suffix in ("", "_rows"))

    # --- PostgreSQL ------------------------------------------------------------------------------

    def _ensure_postgres(self, using: str) -> None:
        """Without the right to make the extension search still works, only slower; the operator is told how to
        mend it."""
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                for column in self.columns:
                    # As Django's ``icontains`` asks: ``UPPER(column::text) LIKE UPPER('%…%')``.
                    cursor.execute(
                        f"CREATE INDEX IF NOT EXISTS {self.name}_{column} ON {self.table} "
                        f"USING gin (UPPER({column}::text) gin_trgm_ops)"
                    )
        except DatabaseError as exc:
            log.warning(
                "search.no_index",
                table=self.table,
                error=str(exc).strip(),
                hint="As a database superuser run: CREATE EXTENSION pg_trgm; then migrate again.",
            )

    def _postgres_drops(self) -> Iterator[str]:
        yield from (f"DROP INDEX IF EXISTS {self.name}_{column}" for column in self.columns)


#: Tags: repository, tag and digest.
IMAGES: Final = TrigramIndex(
    "projects_image", "image_search", ("repository", "tag", "digest"), "updated_at", common=300
)
#: The journal: who, where, and what about.
EVENTS: Final = TrigramIndex(
    "projects_auditevent", "event_search", ("actor_name", "project_name", "subject"), "at"
)
INDEXES: Final = (IMAGES, EVENTS)
