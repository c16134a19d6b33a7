"""The trigram index of imports: their source and target images."""

from __future__ import annotations

from typing import Any, Final

from projects.search import sqlite_statistics
from projects.search.trigrams import TrigramIndex

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
        "task_waiting",
        "task_waiting_project",
        "task_leased",
        "one_writer_a_target",
        "task_holds_secret",
        "task_by_docker",
    }
)


def ensure(using: str = "default", **_: Any) -> None:
    """After ``migrate``: make what is missing, and tell the planner of the tables."""
    TASKS.ensure(using)
    sqlite_statistics.ensure((*TASKS.tables, *LARGE), using, few=FEW)
