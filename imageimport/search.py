"""Finding imports by a part of their source or target image, as quickly among a million rows as among a thousand."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from imageimport.models import ImportTask
from projects.search import query, sqlite_statistics
from projects.search.trigrams import TrigramIndex

#: Over the source and target images.
TASKS: Final = TrigramIndex(
    "image_import_tasks", "image_import_search", ("source_image", "target_image"), "created_at"
)
#: Other tables with a row, or some, for every import.
LARGE: Final = (
    "image_import_attempts",
    "image_import_layers",
    "imageimport_tagdigest",
    "imageimport_bloborigin",
    "imageimport_webhookdelivery",
)
#: Indexes of what waits, runs, holds a secret, or goes by the Docker Engine.
FEW: Final = frozenset(
    {
        "task_waiting_account",
        "one_writer_a_target",
        "task_holds_secret",
        "task_by_docker",
    }
)


def ensure(using: str = "default", **_: Any) -> None:
    """After ``migrate``: make what is missing, and tell the planner of the tables."""
    TASKS.ensure(using)
    sqlite_statistics.ensure((*TASKS.tables, *LARGE), using, few=FEW)


def search(
    tasks: QuerySet[ImportTask], text: str, *, projects: Collection[UUID] | None = None
) -> QuerySet[ImportTask]:
    """Narrow ``tasks`` to those whose source or target image contains ``text``, upper and lower case alike.

    :param projects: those that ``tasks`` are of, where they are of some: narrows the index, too.
    """
    text = text.strip().replace("\x00", "")
    if not text:
        return tasks
    rare = query.matching_ids(TASKS, [[text]], projects=projects)
    if rare is not None:
        tasks = tasks.filter(pk__in=rare)
    return tasks.filter(Q(source_image__icontains=text) | Q(target_image__icontains=text))
