"""Finding imports by a part of their source or target image, as quickly among a million rows as among a thousand.

Both databases keep a trigram index of their own beside the table: PostgreSQL by ``pg_trgm``, SQLite by a full-text
table that triggers keep true, so that rows written in bulk are found too (:mod:`imageimport.searchindex`). PostgreSQL's
planner chooses well by itself. SQLite has no statistics of words, so the choice is made here: a rare text is found
through the index, a common one by walking the newest rows, where the page is full after a few.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from imageimport.models import ImportTask

#: A trigram index knows nothing shorter.
SHORTEST: Final = 3
#: Up to so many hits are fetched through the index; a text that is found more often is common.
COMMON: Final = 2000


def search(tasks: QuerySet[ImportTask], text: str, *, project_id: UUID | None = None) -> QuerySet[ImportTask]:
    """Narrow ``tasks`` to those whose source or target image contains ``text``, upper and lower case alike.

    :param project_id: the project that ``tasks`` are of, where they are of one: narrows the index, too.
    """
    text = text.strip().replace("\x00", "")
    if not text:
        return tasks
    matches = Q(source_image__icontains=text) | Q(target_image__icontains=text)
    if connection.vendor == "sqlite" and len(text) >= SHORTEST:
        rare = _rare(text, project_id)
        if rare is not None:
            return tasks.filter(pk__in=rare)
    return tasks.filter(matches)


def _rare(text: str, project_id: UUID | None) -> list[str] | None:
    """Ids of all rows that contain ``text``; None when there are too many to list."""
    wanted = f"images : {_quoted(text)}"
    if project_id is not None:
        wanted = f"project : {_quoted(project_id.hex)} AND {wanted}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_id FROM image_import_search_rows WHERE id IN "
            "(SELECT rowid FROM image_import_search WHERE image_import_search MATCH %s LIMIT %s)",
            [wanted, COMMON + 1],
        )
        found = [row[0] for row in cursor.fetchall()]
    return None if len(found) > COMMON else found


def _quoted(text: str) -> str:
    """An FTS5 string (SQLite's documentation, 3.1 "FTS5 Strings"): no word in it is an operator."""
    escaped = text.replace('"', '""')
    return f'"{escaped}"'
