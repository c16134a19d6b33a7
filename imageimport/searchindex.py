"""The trigram index of imports: their source and target images."""

from __future__ import annotations

from typing import Any, Final

from projects.trigrams import TrigramIndex

TASKS: Final = TrigramIndex("image_import_tasks", "image_import_search", ("source_image", "target_image"))


def ensure(using: str = "default", **_: Any) -> None:
    """After ``migrate``: make what is missing."""
    TASKS.ensure(using)
