"""What bundles list stays in the registry: their keeper."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from django.utils.translation import gettext_noop

from imageimport.models import BundleEntry
from projects.keeping import Hold
from projects.models import Project

LISTED: Final = gettext_noop("The bundle %(bundle)s lists it.")


def listed(project: Project, digests: Collection[str] | None) -> Iterator[Hold]:
    """What the project's bundles list, what they leave out as known to the other side too; a
    :data:`projects.keeping.Keeper`."""
    rows = BundleEntry.objects.filter(bundle__project=project, content=None).order_by("pk")
    if digests is not None:
        rows = rows.filter(digest__in=digests)
    for digest, repository, name in rows.values_list("digest", "repository", "bundle__name").iterator():
        yield Hold(digest, repository, LISTED, {"bundle": name})
