"""Since when the portal has known what a tag names. An image may state any date of its making; this one is ours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from imageimport.models import SourceSight, TagDigest
from projects.models import Project

_A_DAY: Final = dt.timedelta(days=1)


def first_sight(source: str, tag: str | None, digest: str) -> dt.datetime:
    """When the tag was first seen to name ``digest``, by anyone whom a rule asked: now where it never was, which is
    written down.

    :param source: registry and repository in their one form.
    :param tag: None where the image is named by its digest alone.
    """
    row, _made = SourceSight.objects.get_or_create(source=source, tag=tag or "", digest=digest)
    now = timezone.now()
    if now - row.asked_at > _A_DAY:
        SourceSight.objects.filter(pk=row.pk).update(asked_at=now)
    return row.at


def arrivals(project: Project, digests: Collection[str]) -> Iterator[tuple[str, dt.datetime]]:
    """From where one of ``digests`` came into the project, as a full reference, and when. What was pushed came from
    here.
    """
    same = Q(source_digest__in=digests) | Q(digest__in=digests)
    rows = TagDigest.objects.filter(same, project=project)
    for source, repository, tag, at in rows.values_list("source_image", "repository", "tag", "at"):
        yield source or f"{settings.REGISTRY_PUBLIC_HOST}/{project.name}/{repository}:{tag}", at
