"""Uploads that the end of the hours, or a collection of garbage, left half-way at the private registry, until an
attempt goes on with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final
from uuid import UUID

from imageimport.models import ImportLayer, ImportTask
from oci.registry.uploads import KeptUpload

#: The reasons of a cancel after which uploads are kept.
HOURS_OVER: Final = "hours over"
COLLECTING: Final = "collecting"
KEEPING: Final = (HOURS_OVER, COLLECTING)


def save(task_id: UUID, uploads: Mapping[str, KeptUpload]) -> None:
    """Keep them with their layers."""
    for digest, kept in uploads.items():
        ImportLayer.objects.filter(task=task_id, digest=digest).update(kept_upload=asdict(kept))


def take(task: ImportTask) -> dict[str, KeptUpload]:
    """Those of a task, by the blob's digest. Each is taken once: what fails then begins again."""
    if not task.fence:
        return {}
    rows = ImportLayer.objects.filter(task=task, kept_upload__isnull=False)
    found = {digest: KeptUpload(**kept) for digest, kept in rows.values_list("digest", "kept_upload") if kept}
    if found:
        rows.update(kept_upload=None)
    return found
