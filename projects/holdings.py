"""How many tags each project holds, and of how many bytes: kept by triggers beside the images, so that nobody counts a
hundred thousand rows to show one number. Rows written in bulk are counted too.

Made and mended after every ``migrate``: SQLite's schema changes rebuild a table, and its triggers go with the old one.
"""
# ruff: noqa: S608 - statements are made of the names of our own tables

from __future__ import annotations

from typing import Any, Final

from django.db import connections, transaction

_TABLE: Final = "projects_holding"
_IMAGES: Final = "projects_image"
_RECOUNT: Final = (
    f"DELETE FROM {_TABLE}",
    f"INSERT INTO {_TABLE} (project_id, images, bytes) "
    f"SELECT project_id, count(*), sum(size) FROM {_IMAGES} GROUP BY project_id",
)

_ADD_ONE: Final = (
    f"INSERT INTO {_TABLE} (project_id, images, bytes) VALUES (NEW.project_id, 1, NEW.size) "
    "ON CONFLICT (project_id) DO UPDATE SET images = images + 1, bytes = bytes + excluded.bytes;"
)
_REMOVE_ONE: Final = (
    f"UPDATE {_TABLE} SET images = images - 1, bytes = bytes - OLD.size WHERE project_id = OLD.project_id;"
)
_SQLITE: Final = (
    f"CREATE TRIGGER IF NOT EXISTS holding_insert AFTER INSERT ON {_IMAGES} BEGIN {_ADD_ONE} END",
    f"CREATE TRIGGER IF NOT EXISTS holding_delete AFTER DELETE ON {_IMAGES} BEGIN {_REMOVE_ONE} END",
    f"CREATE TRIGGER IF NOT EXISTS holding_update AFTER UPDATE OF project_id, size ON {_IMAGES} "
    f"BEGIN {_REMOVE_ONE} {_ADD_ONE} END",
)

#: Adds what a query says; a project that has no numbers yet gets some.
_UPSERT: Final = (
    f"INSERT INTO {_TABLE} AS held (project_id, images, bytes) "
    "SELECT project_id, sum(n), sum(size) FROM ({changes}) AS change "
    "GROUP BY project_id HAVING sum(n) <> 0 OR sum(size) <> 0 ORDER BY project_id "
    "ON CONFLICT (project_id) DO UPDATE SET images = held.images + excluded.images, bytes = held.bytes + excluded.bytes"
)
_ADDED: Final = "SELECT project_id, 1 AS n, size FROM added"
_REMOVED: Final = "SELECT project_id, -1 AS n, -size AS size FROM removed"
#: Event to what the trigger sees and does. By statement, not by row: a bulk insert changes a project's numbers once.
#: A project that is deleted may lose its numbers before its images, and gets no new ones.
_POSTGRES: Final = {
    "insert": ("NEW TABLE AS added", _UPSERT.format(changes=_ADDED)),
    "update": (
        "NEW TABLE AS added OLD TABLE AS removed",
        _UPSERT.format(changes=f"{_ADDED} UNION ALL {_REMOVED}"),
    ),
    "delete": (
        "OLD TABLE AS removed",
        f"UPDATE {_TABLE} AS held SET images = held.images + gone.n, bytes = held.bytes + gone.size "
        f"FROM (SELECT project_id, sum(n) AS n, sum(size) AS size FROM ({_REMOVED}) AS each GROUP BY project_id) "
        "AS gone WHERE held.project_id = gone.project_id",
    ),
}


def ensure(using: str = "default") -> None:
    """Make the triggers that are missing; where some were, count anew. Harmless to repeat."""
    connection = connections[using]
    if not {_TABLE, _IMAGES} <= set(connection.introspection.table_names()):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            _ensure_sqlite(cursor)
        elif connection.vendor == "postgresql":
            _ensure_postgres(cursor)


def _ensure_sqlite(cursor: Any) -> None:
    cursor.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'holding_%%'")
    if cursor.fetchone()[0] == len(_SQLITE):
        return
    for statement in (*_SQLITE, *_RECOUNT):
        cursor.execute(statement)


def _ensure_postgres(cursor: Any) -> None:
    cursor.execute(
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'holding\\_%%' AND tgrelid = %s::regclass",
        [_IMAGES],
    )
    if cursor.fetchone()[0] == len(_POSTGRES):
        return
    cursor.execute(f"LOCK TABLE {_IMAGES} IN SHARE ROW EXCLUSIVE MODE")
    for event, (seen, statement) in _POSTGRES.items():
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION holding_{event}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {statement}; RETURN NULL; END $$"
        )
        cursor.execute(f"DROP TRIGGER IF EXISTS holding_{event} ON {_IMAGES}")
        cursor.execute(
            f"CREATE TRIGGER holding_{event} AFTER {event.upper()} ON {_IMAGES} "
            f"REFERENCING {seen} FOR EACH STATEMENT EXECUTE FUNCTION holding_{event}()"
        )
    for statement in _RECOUNT:
        cursor.execute(statement)
