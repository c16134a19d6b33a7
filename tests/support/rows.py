"""Reads the import rows as the database holds them: no Django, no portal, SQLite's file or PostgreSQL directly."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

ENDED: Final = frozenset({"success", "failed", "canceled"})
OCCUPYING: Final = frozenset({"running", "canceling"})

_TASKS: Final = """
SELECT t.id, p.name AS project, t.image_url, t.target_name, t.target_tag, t.status, t.stage, t.progress, t.message,
       t.error, t.error_code, t.attempts, t.fence, t.priority, t.digest, t.source_digest, t.bytes_done, t.bytes_total,
       t.lease_owner, t.lease_expires_at, t.not_before, t.created_at, t.started_at, t.updated_at, t.completed_at
FROM image_import_tasks t JOIN projects_project p ON p.id = t.project_id
"""
_ATTEMPTS: Final = """
SELECT task_id AS task, fence, attempt, worker, started_at, ended_at, outcome, error_code, error
FROM image_import_attempts ORDER BY task_id, fence
"""
_LAYERS: Final = "SELECT task_id AS task, digest, size, bytes_done, state FROM image_import_layers"


@dataclass(frozen=True, slots=True)
class Task:
    """A row of ``image_import_tasks``; times are Unix seconds."""

    id: str
    project: str
    image_url: str
    target_name: str
    target_tag: str
    status: str
    stage: str
    progress: int
    message: str
    error: str
    error_code: str
    attempts: int
    fence: int
    priority: int
    digest: str
    source_digest: str
    bytes_done: int
    bytes_total: int
    lease_owner: str
    lease_expires_at: float | None
    not_before: float | None
    created_at: float
    started_at: float | None
    updated_at: float
    completed_at: float | None

    @property
    def repository(self) -> str:
        """In the private registry."""
        return f"{self.project}/{self.target_name}"

    @property
    def worker_pid(self) -> int:
        """The process that holds its lease."""
        return int(self.lease_owner.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the history."""

    task: str
    fence: int
    attempt: int
    worker: str
    started_at: float
    ended_at: float | None
    outcome: str
    error_code: str
    error: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A row of the live table of blobs."""

    task: str
    digest: str
    size: int
    bytes_done: int
    state: str


class Rows:
    """One portal's database.

    :param url: ``postgres://…``, or the path of an SQLite file.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def tasks(self) -> dict[str, Task]:
        """Every import by its id (as the API writes it)."""
        return {row["id"]: Task(**row) for row in self.query(_TASKS)}

    def task(self, identifier: str) -> Task:
        return self.tasks()[identifier]

    def attempts(self, task: str = "") -> list[Attempt]:
        """The history, of one import or of all, in the order of its claims."""
        return [Attempt(**row) for row in self.query(_ATTEMPTS) if not task or row["task"] == task]

    def layers(self, task: str) -> dict[str, Layer]:
        """By digest."""
        return {row["digest"]: Layer(**row) for row in self.query(_LAYERS) if row["task"] == task}

    def texts(self) -> Iterator[tuple[str, str]]:
        """Everything that is stored, as ``table.column`` and text."""
        for table in self._tables():
            for row in self.query(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name of the database's own
                for column, value in row.items():
                    if value is not None:
                        yield f"{table}.{column}", value if isinstance(value, str) else repr(value)

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Rows with plain values: ids as text, times as Unix seconds, JSON as text."""
        if self._is_postgres:
            with psycopg.connect(self.url, connect_timeout=5, autocommit=True) as connection:
                cursor = connection.execute(statement.encode())
                return _plain([column.name for column in cursor.description or ()], cursor.fetchall())
        with closing(sqlite3.connect(f"file:{self.url}?mode=ro", uri=True, timeout=20)) as file:
            found = file.execute(statement)
            return _plain([column[0] for column in found.description], found.fetchall())

    def writable(self, task: str, *, seconds: float = 1.0) -> bool:
        """Whether an import's row can be written: no one holds it, or SQLite's one lock, for so long."""
        if self._is_postgres:
            with psycopg.connect(self.url, connect_timeout=5, autocommit=True) as connection:
                connection.execute(f"SET lock_timeout = {int(seconds * 1000)}".encode())
                try:
                    connection.execute("SELECT 1 FROM image_import_tasks WHERE id = %s FOR UPDATE", [task])
                except psycopg.errors.LockNotAvailable:
                    return False
            return True
        with closing(sqlite3.connect(f"file:{self.url}?mode=rw", uri=True, timeout=seconds)) as file:
            file.isolation_level = None
            try:
                file.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            file.execute("ROLLBACK")
        return True

    @property
    def _is_postgres(self) -> bool:
        return self.url.startswith("postgres")

    def _tables(self) -> list[str]:
        if self._is_postgres:
            listed = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        else:
            listed = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
        return [row["name"] for row in self.query(listed)]


def rows_of(data_dir: Path, database_url: str = "") -> Rows:
    """The database of a portal by its environment."""
    return Rows(database_url or str(data_dir / "portal.sqlite3"))


def _plain(names: Sequence[str], found: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    return [{name: _value(name, value) for name, value in zip(names, row, strict=True)} for row in found]


def _value(name: str, value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.timestamp()
    if isinstance(value, str) and name.endswith(("_at", "not_before")):
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC).timestamp()
    if name in {"id", "task"} and value is not None and not isinstance(value, int):
        text = str(value).replace("-", "")
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}" if len(text) == 32 else text
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, memoryview):
        return bytes(value)
    return value
