"""Whether a tag is at the target what it is at the source. Asks by HEAD; reads no database in its threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from imageimport.exceptions import FieldErrors
from imageimport.models import ImportTask, Schedule, TagDigest
from imageimport.registries import clients
from imageimport.registries.source_credentials import source_of
from imageimport.submission.requests import ImportRequest, prepare
from oci.errors import OciError, gettext_noop
from oci.reference.parser import Reference
from oci.registry.client import RegistryClient
from oci.registry.faults import IMAGE_NOT_FOUND
from oci.registry.retry import RetryBudget
from oci.registry.source import Source
from projects.registry import client

#: Retries of one run, together; the next run is a new chance, seconds.
RETRY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two sides, and what earlier imports made of which source digest: ``(tag, held) -> source digests``."""

    source: Source
    reference: Reference
    target: RegistryClient
    target_repository: str
    made_from: Mapping[tuple[str, str], str]
    #: Tags whose newest import was of other platforms than the schedule's.
    other_choice: frozenset[tuple[str, str]]
    #: Tags that a person set back to an earlier digest, to the source digest that he set aside by that.
    set_back: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Found:
    """One tag. ``digest``: at the source; ``was``: what the target tag names, None where there is none."""

    tag: str
    digest: str = ""
    was: str | None = None
    is_unchanged: bool = False
    #: A manifest had to be fetched to learn its digest.
    pulled: bool = False
    error: OciError | None = None


@contextmanager
def opened(schedule: Schedule) -> Iterator[Comparison]:
    """Clients for the schedule's two sides, by the rights of whoever answers for it.

    :raises OciError: the source can't be read, or the schedule's fields don't hold any more.
    """
    task = _as_import(schedule)
    repository = f"{schedule.project.name}/{task.target_name}"
    with source_of(task) as (reference, credential):
        budget = RetryBudget(seconds=RETRY_SECONDS)
        source = clients.source_client(
            reference, user=schedule.created_by, credential=credential, budget=budget
        )
        target = client.target_client(access={repository: client.PULL}, budget=budget)
        try:
            source.ping()
            target.ping()
            yield Comparison(source, reference, target, repository, *_history(schedule, task.target_name))
        finally:
            source.close()
            target.close()


def compare(sides: Comparison, tag: str) -> Found:
    """Look at one tag on both sides. Safe in any thread."""
    try:
        head = sides.source.head_manifest(sides.reference.repository, tag)
        if head is None:
            return Found(tag, error=_gone(sides, tag))
        pulled = head.digest is None
        digest = head.digest or sides.source.get_manifest(sides.reference.repository, tag).digest
        there = sides.target.head_manifest(sides.target_repository, tag)
        was = None
        if there is not None:
            was = there.digest or sides.target.get_manifest(sides.target_repository, tag).digest
    except OciError as exc:
        return Found(tag, error=exc)
    return Found(tag, digest, was, was is not None and _is_same(sides, tag, was, digest), pulled)


def _is_same(sides: Comparison, tag: str, held: str, digest: str) -> bool:
    if sides.set_back.get((tag, held)) == digest:
        return True  # Until the source moves on, the person's word counts.
    if (tag, held) in sides.other_choice:
        return False
    return held == digest or sides.made_from.get((tag, held)) == digest


def _history(
    schedule: Schedule, name: str
) -> tuple[dict[tuple[str, str], str], frozenset[tuple[str, str]], dict[tuple[str, str], str]]:
    """What imports of this target made: see :func:`imageimport.timeline.comes_from`, here for all tags at once."""
    rows = TagDigest.objects.filter(project=schedule.project, repository=name).order_by("at", "id")
    made_from: dict[tuple[str, str], str] = {}
    tasks: dict[tuple[str, str], UUID] = {}
    imported: dict[str, str] = {}
    set_back: dict[str, tuple[tuple[str, str], str]] = {}
    for tag, digest, source_digest, task in rows.values_list("tag", "digest", "source_digest", "task"):
        if task is None:
            set_back[tag] = ((tag, digest), imported.get(tag, ""))
            continue
        set_back.pop(tag, None)
        imported[tag] = source_digest
        made_from[(tag, digest)], tasks[(tag, digest)] = source_digest, task
    chosen = ImportTask.objects.filter(project=schedule.project, target_name=name).exclude(platforms=[])
    platforms = dict(chosen.values_list("pk", "platforms"))
    wanted = set(schedule.platforms)
    other = frozenset(key for key, task in tasks.items() if set(platforms.get(task, ())) != wanted)
    return made_from, other, dict(set_back.values())


def _as_import(schedule: Schedule) -> ImportTask:
    """An unsaved import of the schedule's image, which knows how names and credentials are read."""
    request = ImportRequest(
        image_url=schedule.image_url,
        target_name=schedule.target_name,
        credential=schedule.credential,
        platforms=schedule.platforms,
    )
    try:
        return prepare(project=schedule.project, user=schedule.created_by, request=request).task
    except FieldErrors as exc:
        sentence = next(iter(exc.errors.values()))[0]
        template = gettext_noop("The schedule can't run as it is: %(reason)s")
        raise OciError("invalid_reference", template, reason=sentence) from exc


def _gone(sides: Comparison, tag: str) -> OciError:
    return OciError(
        "not_found", IMAGE_NOT_FOUND, host=sides.source.host, what=f"{sides.reference.repository}:{tag}"
    )
