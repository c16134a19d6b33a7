"""What SQLite's planner should believe of the large tables, so that its plans are those for many rows from the first.

Without statistics it takes any index's first column to leave ten rows, and walks all imports of a project to find
three of them by id. Statistics of the moment would be as wrong: taken while there are few rows, or before many are
written at once. So representative numbers are written, as its documentation offers ("Manual Control Of Query Plans
Using SQLITE_STAT Tables", sqlite.org/optoverview.html); the plans are then the same on every installation and at
every time. PostgreSQL keeps statistics of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.db import connections, transaction

ROWS: Final = 1_000_000
#: Rows of an index whose condition holds for few at any time.
FEW: Final = 1_000
#: How many values a column has among so many rows; of any other column nearly each row has its own.
VALUES: Final[Mapping[str, int]] = {
    "project_id": 20, "status": 6, "error_code": 20, "priority": 3, "transport": 2, "batch_id": 20_000,
    "schedule_id": 1_000, "schedule_run_id": 20_000, "credential_id": 100, "requested_by_id": 100, "actor_id": 100,
    "actor_name": 100, "action": 30, "repository": 20_000, "tag": 5_000, "target_name": 20_000, "target_tag": 5_000,
    "task_id": 200_000, "webhook_id": 100, "state": 4, "user_id": 100, "source_registry": 20,
}  # fmt: skip


def ensure(tables: Iterable[str], using: str = "default", *, few: frozenset[str] = frozenset()) -> None:
    """Write what is to be believed of these tables into SQLite's statistics.

    :param few: names of indexes whose condition holds for few rows: of what waits, runs, or is an exception.
    """
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    there = set(connection.introspection.table_names())
    with transaction.atomic(using=using), connection.cursor() as cursor:
        wanted = {row for table in tables if table in there for row in _of(cursor, table, few)}
        if wanted <= _known(cursor):
            return
        cursor.execute("ANALYZE sqlite_schema")  # makes the table of statistics
        for table in tables:
            cursor.execute("DELETE FROM sqlite_stat1 WHERE tbl = %s", [table])
        cursor.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (%s, %s, %s)", sorted(wanted))
        cursor.execute("ANALYZE sqlite_schema")  # reads it


def _known(cursor: Any) -> set[tuple[str, str, str]]:
    cursor.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")
    if not cursor.fetchone()[0]:
        return set()
    cursor.execute("SELECT tbl, idx, stat FROM sqlite_stat1")
    return set(cursor.fetchall())


def _of(cursor: Any, table: str, few: frozenset[str]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    cursor.execute(f'PRAGMA index_list("{table}")')
    for _number, name, unique, *_more in cursor.fetchall():
        cursor.execute(f'PRAGMA index_info("{name}")')
        columns = [row[2] for row in cursor.fetchall()]
        found.append(
            (
                table,
                name,
                " ".join(map(str, _numbers(columns, rows=FEW if name in few else ROWS, unique=bool(unique)))),
            )
        )
    return found


def _numbers(columns: list[str | None], *, rows: int, unique: bool) -> Iterator[int]:
    """Rows in the index, then how many of them share the first column, the first two, and so on."""
    yield rows
    values = 1
    for place, column in enumerate(columns, start=1):
        values *= VALUES.get(column or "", ROWS)
        last = unique and place == len(columns)
        yield 1 if last else max(1, rows // values)
