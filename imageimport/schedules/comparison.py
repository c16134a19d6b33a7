"""Whether a tag is at the target what it is at the source. Asks by HEAD; reads no database in its threads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import FieldErrors
from imageimport.models import ImportTask, Schedule, ScheduleRun, TagDigest
from imageimport.registries import clients
from imageimport.registries.source_credentials import open_source
from imageimport.schedules.work import validated
from oci.cancel import CancelToken
from oci.copy.look import candidate_at
from oci.errors import Canceled, OciError
from oci.reference.parser import Reference
from oci.registry.faults import IMAGE_NOT_FOUND
from oci.registry.options import ClientOptions
from oci.registry.repository import Repository
from oci.registry.retry import RetryBudget, RetryPolicy
from oci.registry.source import Source
from projects.models import TrashedTag
from projects.registry import client

#: Retries of one run, together; the next run is a new chance, seconds.
RETRY_SECONDS: Final = 30.0
#: To read how old one image is, seconds; a run's lease is renewed after it at the latest.
AGE_SECONDS: Final = 60.0
_AGE: Final = gettext_noop("It took more than %(seconds)d seconds to read when the image was created.")


@dataclass(frozen=True, slots=True)
class Age:
    """``known``: what the last run found too young, from tags to digests and until when."""

    days: int
    platforms: tuple[str, ...]
    platforms_if_any: bool
    known: Mapping[str, tuple[str, dt.datetime | None]]


@dataclass(frozen=True, slots=True)
class History:
    """What came of the tags before.

    ``made_from``: which source digest earlier imports made a tag's digest of.
    """

    made_from: Mapping[tuple[str, str], str]
    #: Tags whose newest import was of other platforms than the schedule's.
    other_choice: frozenset[tuple[str, str]]
    #: Tags that a person set back to an earlier digest, to the source digest that they set aside by that.
    set_back: Mapping[tuple[str, str], str]
    #: Tags that clean-up took last, to the digests that they stand for at the source.
    cleaned: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two sides, and what is known beforehand."""

    source: Source
    reference: Reference
    target: Repository
    history: History
    #: How old an image has to be, and which platforms of it count.
    age: Age | None = None


class Standing(Enum):
    """How a tag at the source stands to the one at the target."""

    #: New or moved.
    DUE = auto()
    #: New or moved, and too young.
    YOUNG = auto()
    UNCHANGED = auto()
    #: Clean-up took it, and it has not moved at the source since.
    CLEANED = auto()


@dataclass(frozen=True, slots=True)
class TagState:
    """One tag. ``digest``: at the source; ``target_digest``: what the target tag names, None where there is none."""

    tag: str
    digest: str
    target_digest: str | None
    standing: Standing
    #: Manifests that had to be fetched, to learn its digest or its age.
    pulled: int = 0
    #: Until when it is too young; None: the image does not say.
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A tag that can't be looked at."""

    tag: str
    error: OciError


@contextmanager
def opened(schedule: Schedule) -> Iterator[Comparison]:
    """Clients for the schedule's two sides, by the rights of the one who answers for it.

    :raises OciError: the source can't be read, or the schedule's fields don't hold anymore.
    """
    task = _as_import(schedule)
    repository = f"{schedule.project.name}/{task.target_name}"
    with open_source(task) as (reference, credential):
        options = ClientOptions(retries=RetryPolicy(budget=RetryBudget(seconds=RETRY_SECONDS)))
        source = clients.source_client(
            reference, user=schedule.created_by, credential=credential, options=options
        )
        target = Repository(
            client.target_client(access={repository: client.PULL}, options=options), repository
        )
        try:
            source.ping()
            target.ping()
            history = _history(schedule, task.target_name)
            yield Comparison(source, reference, target, history, _age(schedule))
        finally:
            source.close()
            target.close()


def compare(sides: Comparison, tag: str) -> TagState | NotCompared:
    """Look at one tag on both sides. Safe in any thread."""
    try:
        head = sides.source.head_manifest(tag)
        if head is None:
            return NotCompared(tag, _gone(sides, tag))
        pulled = int(head.digest is None)
        digest = head.digest or sides.source.get_manifest(tag).digest
        there = sides.target.head_manifest(tag)
        was = None
        if there is not None:
            was = there.digest or sides.target.get_manifest(tag).digest
        if was is None and digest in sides.history.cleaned.get(tag, ()):
            return TagState(tag, digest, was, Standing.CLEANED, pulled)
        if was is not None and _is_same(sides, tag, was, digest):
            return TagState(tag, digest, was, Standing.UNCHANGED, pulled)
        if sides.age is None:
            return TagState(tag, digest, was, Standing.DUE, pulled)
        is_young, until, read = _is_young(sides, sides.age, tag, digest)
        return TagState(tag, digest, was, Standing.YOUNG if is_young else Standing.DUE, pulled + read, until)
    except OciError as exc:
        return NotCompared(tag, exc)


def _is_young(sides: Comparison, age: Age, tag: str, digest: str) -> tuple[bool, dt.datetime | None, int]:
    """Whether an image is too young, until when, and how many manifests it took to know. One that states no moment, or
    one to come, is too young.

    :raises OciError: the image can't be read.
    """
    now = timezone.now()
    found, until = age.known.get(tag, ("", None))
    if found == digest and until is not None and until > now:
        return True, until, 0
    cancel = CancelToken()
    try:
        with (
            cancel.after(AGE_SECONDS),
            candidate_at(
                sides.source,
                digest,
                cancel=cancel,
                platforms=age.platforms,
                platforms_if_any=age.platforms_if_any,
            ) as candidate,
        ):
            made = candidate.created()
    except Canceled as exc:
        raise OciError("timeout", _AGE, seconds=int(AGE_SECONDS)) from exc
    read = 1 + (len(made) if len(made) > 1 else 0)
    known = [moment for moment in made if moment is not None]
    if not known or len(known) < len(made) or max(known) > now:
        return True, None, read
    ready = max(known) + dt.timedelta(days=age.days)
    return ready > now, ready, read


def _age(schedule: Schedule) -> Age | None:
    if schedule.min_age_days is None:
        return None
    # What was asked of the age before the schedule was changed says nothing.
    asked = ScheduleRun.objects.filter(schedule=schedule, started_at__gt=schedule.updated_at)
    last = asked.filter(ended_at__isnull=False).order_by("-started_at", "-id")
    items = last.values_list("items", flat=True).first() or []
    known = {
        item["tag"]: (item["digest"], dt.datetime.fromisoformat(item["until"]))
        for item in items
        if item["result"] == "waiting" and item["until"]
    }
    return Age(schedule.min_age_days, tuple(schedule.platforms), schedule.platforms_by_default, known)


def _is_same(sides: Comparison, tag: str, held: str, digest: str) -> bool:
    history = sides.history
    if history.set_back.get((tag, held)) == digest:
        return True  # Until the source moves on, the person's word counts.
    if (tag, held) in history.other_choice:
        return False
    return held == digest or history.made_from.get((tag, held)) == digest


def _history(schedule: Schedule, name: str) -> History:
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
    aside = dict(set_back.values())
    return History(made_from, other, aside, _cleaned(schedule, name, made_from, aside))


def _cleaned(
    schedule: Schedule,
    name: str,
    made_from: Mapping[tuple[str, str], str],
    set_back: Mapping[tuple[str, str], str],
) -> dict[str, frozenset[str]]:
    """What a person set aside before clean-up took the tag does not come either."""
    rows = TrashedTag.objects.filter(project=schedule.project, repository=name).order_by("removed_at", "id")
    found: dict[str, frozenset[str]] = {}
    for tag, digest, by_rule in rows.values_list("tag", "digest", "by_rule"):
        known = {digest, made_from.get((tag, digest), ""), set_back.get((tag, digest), "")} - {""}
        found[tag] = frozenset(known) if by_rule else frozenset()
    return found


def _as_import(schedule: Schedule) -> ImportTask:
    """An unsaved import of the schedule's image, which knows how names and credentials are read."""
    try:
        return validated(schedule).task
    except FieldErrors as exc:
        template = gettext_noop("The scheduled sync can't run: %(reason)s")
        raise OciError("invalid_reference", template, reason=exc.first) from exc


def _gone(sides: Comparison, tag: str) -> OciError:
    return OciError(
        "not_found", IMAGE_NOT_FOUND, host=sides.source.host, what=f"{sides.reference.repository}:{tag}"
    )
