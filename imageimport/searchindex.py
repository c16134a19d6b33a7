"""The trigram index behind :mod:`imageimport.searching`: made and mended after every ``migrate``.

SQLite's schema changes rebuild a table, and its triggers go with the old one; so :func:`ensure` runs after each,
makes what is missing and takes in rows that were written meanwhile.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from django.db import DatabaseError, connections, transaction

log = structlog.get_logger(__name__)

_TEXT: Final = "{row}.source_image || char(10) || {row}.target_image"
_SQLITE: Final = (
    "CREATE TABLE IF NOT EXISTS image_import_search_rows (id INTEGER PRIMARY KEY, task_id CHAR(32) NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS image_import_search USING fts5(project, images, tokenize='trigram')",
    f"""CREATE TRIGGER IF NOT EXISTS image_import_search_insert AFTER INSERT ON image_import_tasks BEGIN
        INSERT INTO image_import_search_rows (task_id) VALUES (NEW.id);
        INSERT INTO image_import_search (rowid, project, images)
        SELECT id, NEW.project_id, {_TEXT.format(row="NEW")} FROM image_import_search_rows WHERE task_id = NEW.id;
    END""",
    """CREATE TRIGGER IF NOT EXISTS image_import_search_delete AFTER DELETE ON image_import_tasks BEGIN
        DELETE FROM image_import_search
        WHERE rowid = (SELECT id FROM image_import_search_rows WHERE task_id = OLD.id);
        DELETE FROM image_import_search_rows WHERE task_id = OLD.id;
    END""",
    f"""CREATE TRIGGER IF NOT EXISTS image_import_search_update
        AFTER UPDATE OF project_id, source_image, target_image ON image_import_tasks BEGIN
        UPDATE image_import_search SET project = NEW.project_id, images = {_TEXT.format(row="NEW")}
        WHERE rowid = (SELECT id FROM image_import_search_rows WHERE task_id = NEW.id);
    END""",
)
_SQLITE_MISSED: Final = (
    "INSERT INTO image_import_search_rows (task_id) SELECT id FROM image_import_tasks "
    "WHERE id NOT IN (SELECT task_id FROM image_import_search_rows)",
    f"INSERT INTO image_import_search (rowid, project, images) "
    f"SELECT r.id, t.project_id, {_TEXT.format(row='t')} FROM image_import_search_rows r "
    f"JOIN image_import_tasks t ON t.id = r.task_id WHERE r.id > (SELECT coalesce(max(rowid), 0) FROM image_import_search)",
)
#: As Django's ``icontains`` asks: ``UPPER(column::text) LIKE UPPER('%…%')``.
_POSTGRES: Final = tuple(
    f"CREATE INDEX IF NOT EXISTS image_import_search_{column} ON image_import_tasks "
    f"USING gin (UPPER({column}::text) gin_trgm_ops)"
    for column in ("source_image", "target_image")
)


def ensure(using: str = "default", **_: Any) -> None:
    """Make what is missing of the index in the database called ``using``. Harmless to repeat."""
    connection = connections[using]
    if "image_import_tasks" not in connection.introspection.table_names():
        return
    if connection.vendor == "sqlite":
        with transaction.atomic(using=using), connection.cursor() as cursor:
            for statement in (*_SQLITE, *_SQLITE_MISSED):
                cursor.execute(statement)
    elif connection.vendor == "postgresql":
        _ensure_postgres(using)


def _ensure_postgres(using: str) -> None:
    """Without the right to make the extension search still works, only slower; the operator is told how to mend it."""
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            for statement in _POSTGRES:
                cursor.execute(statement)
    except DatabaseError as exc:
        log.warning(
            "search.no_index",
            error=str(exc).strip(),
            hint="As a database superuser run: CREATE EXTENSION pg_trgm; then migrate again.",
        )
