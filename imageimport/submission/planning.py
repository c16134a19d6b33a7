"""What an import would do, without doing it. Asked of the registries while the person waits, so bounded in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import filled, sentence_of
from imageimport import timeline
from imageimport.quotas import check_before_transfer
from imageimport.registries import clients
from imageimport.registries.mounts import ProvenMounts
from imageimport.registries.source_credentials import open_source
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from oci.cancel import CancelToken
from oci.copy import plan as engine_plan
from oci.copy.context import CopyOptions
from oci.copy.plan import ImportPlan
from oci.errors import OciError
from oci.reference.parser import parse_reference
from oci.registry.options import ClientOptions
from oci.registry.repository import Repository
from oci.registry.retry import RetryBudget, RetryPolicy
from projects import places
from projects.models import Image, Project
from projects.registry import client

#: All questions together, and retries among them, seconds.
MAX_SECONDS: Final = 25.0
RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Planned:
    """What an import would do; ``warnings`` are sentences in the reader's language."""

    source_image: str
    target_image: str
    plan: ImportPlan
    warnings: tuple[str, ...]


def make_plan(*, project: Project, user: User | None, request: ImportRequest) -> Planned:
    """Look at source and target, by the rights of ``user``; write nothing.

    :raises FieldErrors: as :func:`imageimport.submission.services.submit`.
    :raises OciError: as the import would end.
    :raises AllTaken: too much is asked at once (:mod:`projects.places`).
    """
    prepared = prepare(project=project, user=user, request=request)
    with places.asking_others(user, seconds=MAX_SECONDS) as cancel:
        found = _ask(project, user, prepared, cancel)
    return Planned(
        source_image=prepared.task.source_image,
        target_image=prepared.task.target_image,
        plan=found,
        warnings=tuple(_warnings(prepared, found)),
    )


def _ask(project: Project, user: User | None, prepared: ValidatedImport, cancel: CancelToken) -> ImportPlan:
    task = prepared.task
    repository = f"{project.name}/{task.target_name}"
    access = {repository: client.PULL}
    options = ClientOptions(cancel=cancel, retries=RetryPolicy(budget=RetryBudget(seconds=RETRY_SECONDS)))
    with open_source(task) as (reference, credential):
        source = clients.source_client(reference, user=user, credential=credential, options=options)
        mounts = ProvenMounts(
            source_registry=task.source_registry,
            project_name=project.name,
            repository=repository,
            access=access,
        )
        target = Repository(client.target_client(access=access, options=options), repository)
        try:
            return engine_plan.make_plan(
                source,
                reference.identifier,
                target,
                task.target_tag,
                options=CopyOptions(
                    platforms=tuple(task.platforms),
                    platforms_if_any=task.platforms_by_default,
                    include_referrers=task.include_referrers,
                ),
                mounts=mounts,
            )
        finally:
            mounts.close()
            source.close()
            target.close()


def _warnings(prepared: ValidatedImport, found: ImportPlan) -> Iterator[str]:
    task = prepared.task
    if prepared.source.digest is None:
        yield _(
            "The tag %(tag)s can change: a later import may bring a different image. To always get this "
            "image, import it by digest."
        ) % {"tag": prepared.source.tag}
    if task.include_referrers and not found.referrers:
        yield _("No signatures or SBOMs found.")
    names = [platform.platform for platform in found.platforms if platform.platform]
    if not task.platforms and names and not any(name.startswith("linux/amd64") for name in names):
        yield _("The image doesn't support linux/amd64, only %(platforms)s.") % {
            "platforms": ", ".join(names)
        }
    yield from clashes(prepared, found.source_digest, found.target_digest)
    try:
        old = Image.objects.filter(
            project=task.project, repository=task.target_name, tag=task.target_tag
        ).first()
        check_before_transfer(
            task.project, found.bytes_total, old is None, bytes_freed=old.size if old else 0
        )
    except OciError as exc:
        yield sentence_of(exc)
    yield from (filled(*note) for note in found.notes)


def clashes(prepared: ValidatedImport, source_digest: str, target_digest: str | None) -> Iterator[str]:
    """What stands where the image would go, in sentences.

    :param target_digest: what the target tag names now; None: nothing.
    """
    task = prepared.task
    project, name, tag = task.project, task.target_name, task.target_tag
    if target_digest is not None:
        same = timeline.comes_from(
            project=project,
            repository=name,
            tag=tag,
            held=target_digest,
            source_digest=source_digest,
            platforms=task.platforms,
        )
        if same:
            yield _("%(target)s already points to this image.") % {"target": task.target_image}
        elif task.overwrite:
            yield _("%(target)s points to a different image and will be replaced.") % {
                "target": task.target_image
            }
        else:
            yield _(
                "%(target)s points to a different image, so the import would fail. Choose another tag, or "
                "allow overwriting."
            ) % {"target": task.target_image}
    if services.busy_targets(project, [(name, tag)]):
        yield _("Another import to %(target)s is in progress. Wait for it to finish, or cancel it.") % {
            "target": task.target_image
        }
    others = _other_source(prepared)
    if others:
        yield _("%(name)s already contains images from %(source)s.") % {"name": name, "source": others}


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
