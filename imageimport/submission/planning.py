"""What an import would do, without doing it. Asked of the registries while the person waits, so bounded in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from imageimport import timeline
from imageimport.messages import of_error, parts, shown
from imageimport.quotas import check_before_transfer
from imageimport.registries import clients
from imageimport.registries.mounts import ProvenMounts
from imageimport.registries.source_credentials import source_of
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from oci.cancel import CancelToken
from oci.copy import plan as engine_plan
from oci.copy.plan import ImportPlan, PlannedPlatform
from oci.errors import OciError
from oci.reference.parser import parse_reference
from oci.registry.rate_limit import RateLimit
from oci.registry.retry import RetryBudget
from projects import places
from projects.models import Image, Project
from projects.registry import client

#: All questions together, and retries among them, seconds.
MAX_SECONDS: Final = 25.0
RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Planned:
    """What an import would do. ``bytes_present`` need not be read from the source; ``warnings`` are sentences in the
    reader's language."""

    source_image: str
    source_digest: str
    media_type: str
    target_image: str
    target_digest: str | None
    platforms: tuple[PlannedPlatform, ...]
    bytes_total: int
    bytes_present: int
    bytes_to_transfer: int
    referrers: int
    rate_limit: RateLimit | None
    warnings: tuple[str, ...]
    #: How many layers and configurations it has, and how many of these are here.
    blobs_total: int = 0
    blobs_present: int = 0


def make_plan(*, project: Project, user: User | None, request: ImportRequest) -> Planned:
    """Look at source and target, by the rights of ``user``; write nothing.

    :raises FieldErrors: as :func:`imageimport.submission.services.submit`. :raises OciError: as the import would end.
    :raises AllTaken: too much is asked at once (:mod:`projects.places`).
    """
    prepared = prepare(project=project, user=user, request=request)
    with places.asking_others(user, seconds=MAX_SECONDS) as cancel:
        found = _ask(project, user, prepared, cancel)
    return Planned(
        source_image=prepared.task.source_image,
        source_digest=found.source_digest,
        media_type=found.media_type,
        target_image=prepared.task.target_image,
        target_digest=found.target_digest,
        platforms=found.platforms,
        bytes_total=found.bytes_total,
        bytes_present=found.bytes_present,
        bytes_to_transfer=found.bytes_to_transfer,
        referrers=found.referrers,
        rate_limit=found.rate_limit,
        warnings=tuple(_warnings(prepared, found)),
        blobs_total=found.blobs_total,
        blobs_present=found.blobs_present,
    )


def _ask(project: Project, user: User | None, prepared: ValidatedImport, cancel: CancelToken) -> ImportPlan:
    task = prepared.task
    repository = f"{project.name}/{task.target_name}"
    access = {repository: client.PULL}
    budget = RetryBudget(seconds=RETRY_SECONDS)
    with source_of(task) as (reference, credential):
        source = clients.source_client(
            reference, user=user, credential=credential, cancel=cancel, budget=budget
        )
        mounts = ProvenMounts(
            source_registry=task.source_registry,
            project_name=project.name,
            repository=repository,
            access=access,
        )
        target = client.target_client(access=access, cancel=cancel, budget=budget)
        try:
            return engine_plan.make_plan(
                source=source,
                source_repository=reference.repository,
                wanted=reference.wanted,
                target=target,
                target_repository=repository,
                target_tag=task.target_tag,
                platforms=task.platforms,
                include_referrers=task.include_referrers,
                mounts=mounts,
                cancel=cancel,
            )
        finally:
            mounts.close()
            source.close()
            target.close()


def _warnings(prepared: ValidatedImport, found: ImportPlan) -> Iterator[str]:
    task = prepared.task
    if prepared.source.digest is None:
        yield _("The tag %(tag)s may move: a later import of it can bring another image.") % {
            "tag": prepared.source.tag
        }
    if task.include_referrers and not found.referrers:
        yield _("No signature or SBOM was found.")
    names = [platform.platform for platform in found.platforms if platform.platform]
    if not task.platforms and names and not any(name.startswith("linux/amd64") for name in names):
        yield _("It is not for linux/amd64, only for %(platforms)s.") % {"platforms": ", ".join(names)}
    yield from _clashes(prepared, found)
    try:
        old = Image.objects.filter(
            project=task.project, repository=task.target_name, tag=task.target_tag
        ).first()
        check_before_transfer(
            task.project, found.bytes_total, old is None, bytes_freed=old.size if old else 0
        )
    except OciError as exc:
        yield shown("", of_error(exc))
    yield from (shown("", parts(*note)) for note in found.notes)


def _clashes(prepared: ValidatedImport, found: ImportPlan) -> Iterator[str]:
    """What stands where the image would go."""
    task = prepared.task
    project, name, tag = task.project, task.target_name, task.target_tag
    if found.target_digest is not None:
        same = timeline.comes_from(
            project=project,
            repository=name,
            tag=tag,
            held=found.target_digest,
            source_digest=found.source_digest,
            platforms=task.platforms,
        )
        if same:
            yield _("%(target)s names this image already.") % {"target": task.target_image}
        elif task.overwrite:
            yield _("%(target)s names another image and would be overwritten.") % {
                "target": task.target_image
            }
        else:
            yield _("%(target)s names another image, so the import would fail.") % {
                "target": task.target_image
            }
    if services.busy_targets(project, [(name, tag)]):
        yield _("Another import to %(target)s is under way.") % {"target": task.target_image}
    others = _other_source(prepared)
    if others:
        yield _("%(name)s already holds images from %(source)s.") % {"name": name, "source": others}


def _other_source(prepared: ValidatedImport) -> str:
    """Another repository from which the target name was filled; empty where there is none."""
    mine = (prepared.source.host, prepared.source.repository)
    rows = Image.objects.filter(project=prepared.task.project, repository=prepared.task.target_name)
    for text in (
        rows.exclude(source_image="").order_by().values_list("source_image", flat=True).distinct()[:50]
    ):
        try:
            other = parse_reference(text)
        except OciError:
            continue  # Written by hand; it names no repository that could be compared.
        if (other.host, other.repository) != mine:
            return f"{other.registry}/{other.repository}"
    return ""
