"""Batches of a developer, and how far they are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from imageimport.batches import services as batches
from imageimport.batches.selectors import totals_of
from imageimport.models import ImportBatch
from imageimport.submission.requests import ImportRequest
from projects.models import Project


def make(team: tuple[User, Project], *images: str | ImportRequest, **values: Any) -> ImportBatch:
    user, project = team
    entries = [ImportRequest(image_url=each) if isinstance(each, str) else each for each in images]
    return batches.create(project=project, user=user, entries=entries, **values)


def counts(batch: ImportBatch) -> dict[str, int]:
    return {name: count for name, count in totals_of(batch).counts.items() if count}
