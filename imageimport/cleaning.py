"""What clean-up, protected tags and collections of garbage ask of imports, and whom of their news they tell.

Registered in :mod:`imageimport.apps`; ``projects`` knows nothing of imports.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext_noop

from imageimport.choices import Outcome, WebhookEvent
from imageimport.models import ImportAttempt, ImportLayer, ImportTask, TagDigest
from imageimport.webhooks import outbox, payloads
from oci.errors import Note
from projects.models import Image, Project
from projects.token_service import writers

_IMPORTING: Final = gettext_noop("An import to this tag is in progress.")
#: How soon what runs is looked at again, seconds.
_LOOK_AGAIN: Final = 1


def tell_restored(image: Image, was: str) -> None:
    """A protected tag was put back."""
    event = WebhookEvent.TAG_RESTORED
    outbox.enqueue(
        project_id=image.project_id,
        event=event,
        failed=True,
        make=lambda: payloads.of_tag(event.value, image, was),
    )


def tags_being_written(project: Project) -> dict[tuple[str, str], Note]:
    """Tags that an import is about to write."""
    rows = ImportTask.objects.active().filter(project=project).values_list("target_name", "target_tag")
    return {(name, tag): (_IMPORTING, {}) for name, tag in rows}


def writing_until(now: dt.datetime) -> dt.datetime | None:
    """Until when an import may still write: for as long as one holds a place, and after a worker was lost, for as long
    as its token lasts; None: none does."""
    if ImportTask.objects.occupying().exists():
        return now + dt.timedelta(seconds=_LOOK_AGAIN)
    since = now - dt.timedelta(seconds=writers.TOKEN_SECONDS)
    lost = ImportAttempt.objects.filter(outcome=Outcome.LOST, ended_at__gt=since).order_by("-ended_at")
    ended = lost.values_list("ended_at", flat=True).first()
    return ended + dt.timedelta(seconds=writers.TOKEN_SECONDS) if ended else None


def blobs_on_their_way() -> Iterator[str]:
    """Digests of what unfinished imports have brought already: no manifest names it yet."""
    rows = ImportLayer.objects.filter(task__in=ImportTask.objects.active())
    yield from rows.values_list("digest", flat=True).distinct().iterator()


def named_lately(project: Project, now: dt.datetime) -> Iterator[tuple[str, str]]:
    """Digests, with their repositories, that a tag named until lately: for the days of the trash one can roll back."""
    since = now - dt.timedelta(days=project.trash_days)
    last: dict[tuple[str, str], tuple[str, dt.datetime]] = {}
    rows = TagDigest.objects.filter(project=project).order_by("at", "id")
    for repository, tag, digest, at in rows.values_list("repository", "tag", "digest", "at").iterator():
        before = last.get((repository, tag))
        if before is not None and at > since:
            yield repository, before[0]
        last[repository, tag] = digest, at
