"""How many tags each project holds, and of how many bytes: kept by triggers beside the images, so that no one counts a
hundred thousand rows to show one number. Rows written in bulk are counted too.

Made and mended after every ``migrate``: SQLite's schema changes rebuild a table, and its triggers go with the old one.
Triggers of another wording have other names, so that those of an earlier release are replaced.
"""
# ruff: noqa: S608 - statements are made of the names of our own tables

from __future__ import annotations

from typing import Any, Final

from django.db import connections, transaction

_TABLE: Final = "projects_holding"
_IMAGES: Final = "projects_image"
#: No sum is shown to be larger. Far enough from what a database's integer holds that two numbers below it can be added;
#: SQLite would go on with a fraction, PostgreSQL would refuse the row.
MAX_BYTES: Final = 2**62
#: The sum of the sizes of some rows, in halves: rows that claim absurd sizes add up to more than an integer holds.
_HIGH, _LOW = "CAST(sum(size >> 31) AS bigint)", "CAST(sum(size & 2147483647) AS bigint)"
_SUM: Final = (
    f"coalesce(CASE WHEN {_HIGH} + ({_LOW} >> 31) >= {MAX_BYTES >> 31} THEN {MAX_BYTES} "
    f"ELSE {_HIGH} * 2147483648 + {_LOW} END, 0)"
)
_RECOUNT: Final = (
    f"DELETE FROM {_TABLE}",
    f"INSERT INTO {_TABLE} (project_id, images, bytes) "
    f"SELECT project_id, count(*), {_SUM} FROM {_IMAGES} GROUP BY project_id",
)


def _changed(held: str, change: str) -> str:
    """What ``held.bytes`` becomes by ``change``: recounted where either is too large to add."""
    return (
        f"CASE WHEN {held}.bytes < {MAX_BYTES} AND abs({change}) < {MAX_BYTES} "
        f"AND {held}.bytes + {change} < {MAX_BYTES} THEN {held}.bytes + {change} "
        f"ELSE (SELECT {_SUM} FROM {_IMAGES} WHERE project_id = {held}.project_id) END"
    )


_ADD_ONE: Final = (
    f"INSERT INTO {_TABLE} (project_id, images, bytes) SELECT NEW.project_id, 1, min(NEW.size, {MAX_BYTES}) "
    "WHERE {where} "
    f"ON CONFLICT (project_id) DO UPDATE SET images = images + 1, bytes = {_changed(_TABLE, 'NEW.size')};"
)
_REMOVE_ONE: Final = (
    f"UPDATE {_TABLE} SET images = images - 1, bytes = {_changed(_TABLE, '(-OLD.size)')} "
    "WHERE project_id = OLD.project_id AND {where};"
)
_RESIZE: Final = (
    f"UPDATE {_TABLE} SET bytes = {_changed(_TABLE, '(NEW.size - OLD.size)')} "
    "WHERE project_id = NEW.project_id AND NEW.project_id = OLD.project_id;"
)
_MOVED: Final = "NEW.project_id <> OLD.project_id"
_SQLITE: Final = {
    "holding_added": f"AFTER INSERT ON {_IMAGES} BEGIN {_ADD_ONE.format(where=1)} END",
    "holding_gone": f"AFTER DELETE ON {_IMAGES} BEGIN {_REMOVE_ONE.format(where=1)} END",
    "holding_changed": f"AFTER UPDATE OF project_id, size ON {_IMAGES} BEGIN "
    f"{_RESIZE} {_REMOVE_ONE.format(where=_MOVED)} {_ADD_ONE.format(where=_MOVED)} END",
}

#: Adds what a query says; a project that has no numbers yet gets some.
_UPSERT: Final = (
    f"INSERT INTO {_TABLE} AS held (project_id, images, bytes) "
    f"SELECT project_id, sum(n), greatest(least(sum(size), {MAX_BYTES}), -{MAX_BYTES}) "
    "FROM ({changes}) AS change "
    "GROUP BY project_id HAVING sum(n) <> 0 OR sum(size) <> 0 ORDER BY project_id "
    "ON CONFLICT (project_id) DO UPDATE SET images = held.images + excluded.images, "
    f"bytes = {_changed('held', 'excluded.bytes')}"
)
_ADDED: Final = "SELECT project_id, 1 AS n, size FROM added"
_REMOVED: Final = "SELECT project_id, -1 AS n, -size AS size FROM removed"
#: Event to what the trigger sees and does. By statement, not by row: a bulk insert changes a project's numbers once.
#: A project that is deleted may lose its numbers before its images, and gets no new ones.
_POSTGRES: Final = {
    "holding_added": ("INSERT", "NEW TABLE AS added", _UPSERT.format(changes=_ADDED)),
    "holding_changed": (
        "UPDATE",
        "NEW TABLE AS added OLD TABLE AS removed",
        _UPSERT.format(changes=f"{_ADDED} UNION ALL {_REMOVED}"),
    ),
    "holding_gone": (
        "DELETE",
        "OLD TABLE AS removed",
        f"UPDATE {_TABLE} AS held SET images = held.images + gone.n, bytes = {_changed('held', 'gone.size')} "
        "FROM (SELECT project_id, sum(n) AS n, sum(size) AS size "
        f"FROM ({_REMOVED}) AS each GROUP BY project_id) "
        "AS gone WHERE held.project_id = gone.project_id",
    ),
}


def ensure(using: str = "default") -> None:
    """Make the triggers that are missing; where some were, count again. Harmless to repeat."""
    connection = connections[using]
    if not {_TABLE, _IMAGES} <= set(connection.introspection.table_names()):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            _ensure_sqlite(cursor)
        elif connection.vendor == "postgresql":
            _ensure_postgres(cursor)


def _ensure_sqlite(cursor: Any) -> None:
    cursor.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'holding\\_%%' ESCAPE '\\'"
    )
    there = {name for (name,) in cursor.fetchall()}
    if there == _SQLITE.keys():
        return
    for name in there:
        cursor.execute(f"DROP TRIGGER {name}")
    for name, statement in _SQLITE.items():
        cursor.execute(f"CREATE TRIGGER {name} {statement}")
    for statement in _RECOUNT:
        cursor.execute(statement)


def _ensure_postgres(cursor: Any) -> None:
    cursor.execute(
        "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'holding\\_%%' AND tgrelid = %s::regclass",
        [_IMAGES],
    )
    there = {name for (name,) in cursor.fetchall()}
    if there == _POSTGRES.keys():
        return
    cursor.execute(f"LOCK TABLE {_IMAGES} IN SHARE ROW EXCLUSIVE MODE")
    for name in there:
        cursor.execute(f"DROP TRIGGER {name} ON {_IMAGES}")
    for name, (event, seen, statement) in _POSTGRES.items():
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {statement}; RETURN NULL; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON {_IMAGES} "
            f"REFERENCING {seen} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
    for statement in _RECOUNT:
        cursor.execute(statement)
