"""What a cluster runs, beside what its project has now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from imageimport.submission.requests import target_image
from oci.reference.parser import Reference
from projects.models import Project
from workloads import matching
from workloads.matching import Held, Matches
from workloads.missing import missing_image
from workloads.models import Cluster, ClusterImage

HERE: Final = "here"
MISSING: Final = "missing"
OTHER_DIGEST: Final = "other_digest"
STATES: Final = (HERE, MISSING, OTHER_DIGEST)


@dataclass(frozen=True, slots=True)
class Running:
    """One image of a cluster. ``reference``: None where its name can't be read."""

    image: str
    digest: str
    state: str
    target_image: str
    pods: int
    namespaces: Sequence[str]
    reference: Reference | None
    #: No manifest says which digest it is.
    by_tag_only: bool
    #: The digests that the project has of it.
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class Summary:
    """A cluster in numbers: ``here``, ``missing`` and ``other_digest`` part ``images``."""

    pods: int
    images: int
    here: int
    missing: int
    other_digest: int
    by_tag_only: int
    seen_at: datetime | None


def clusters_of(project: Project) -> QuerySet[Cluster]:
    """The project's clusters by name."""
    return Cluster.objects.filter(project=project).select_related("project", "created_by")


def images_of(cluster: Cluster) -> list[Running]:
    """What the cluster was last seen to run, by name, with a constant number of questions to the database."""
    rows = list(ClusterImage.objects.filter(cluster=cluster).order_by("image", "digest"))
    return [each for _row, each in running(cluster.project, rows)]


def running(project: Project, rows: Sequence[ClusterImage]) -> list[tuple[ClusterImage, Running]]:
    """Rows of clusters beside what the project has of them."""
    read = [(row, matching.parsed(row.image)) for row in rows]
    wanted = {_with(reference, row.digest) for row, reference in read if reference is not None}
    plain = {_with(reference, "") for _row, reference in read if reference is not None and reference.tag}
    matches = matching.find(project, wanted | plain)
    return [(row, _running(project, matches, row, reference)) for row, reference in read]


def summary_of(cluster: Cluster, images: Sequence[Running]) -> Summary:
    """Its numbers."""
    count = {state: sum(each.state == state for each in images) for state in STATES}
    by_tag_only = sum(each.by_tag_only for each in images)
    return Summary(
        cluster.pods,
        len(images),
        count[HERE],
        count[MISSING],
        count[OTHER_DIGEST],
        by_tag_only,
        cluster.seen_at,
    )


def _with(reference: Reference, digest: str) -> Reference:
    return Reference(
        reference.registry, reference.repository, reference.tag, digest or reference.digest or None
    )


def _running(project: Project, matches: Matches, row: ClusterImage, reference: Reference | None) -> Running:
    state, held = _state(matches, row, reference)
    target = ""
    if held is not None:
        target = target_image(project, held.repository, held.tag)
    elif reference is not None and not matching.is_ours(reference):
        target = missing_image(project, reference)
    return Running(
        row.image,
        row.digest,
        state,
        target,
        row.pods,
        row.namespaces,
        reference,
        by_tag_only="@" not in row.image,
        held=held.digests if held else frozenset(),
    )


def _state(matches: Matches, row: ClusterImage, reference: Reference | None) -> tuple[str, Held | None]:
    """A tag that names something else by now is what counts: it is what the pods get when they start again."""
    if reference is None:
        return MISSING, None
    tagged = None if reference.digest else matches.by_tag(reference)
    if tagged is not None:
        same = not row.digest or row.digest in tagged.digests
        return (HERE if same else OTHER_DIGEST), tagged
    pinned = _with(reference, row.digest)
    exact = matches.of(pinned) if pinned.digest else None
    return (HERE if exact else MISSING), exact
