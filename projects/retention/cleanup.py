"""Clean-up of a project: what its rules would take, taking it, and the clock."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError, filled
from oci.errors import Note, OciError
from projects import audit, cron, keeping, protection
from projects.models import Image, ImageBlob, Project, RetentionRule
from projects.retention import rules, trash
from projects.retention.decision import Tag, Verdict, decide

log = structlog.get_logger(__name__)

#: A person's request works for this long; the clock's next round goes on. Seconds.
INLINE_SECONDS: Final = 20.0
ROUND_SECONDS: Final = 60.0
#: More refusals than this without a tag in between that goes are about the registry, and not about its tags.
MAX_IN_A_ROW: Final = 20
#: Tags that the audit log names.
MAX_NAMED: Final = 20
#: Errors that the next tag would meet as well.
_OF_ALL: Final = frozenset(
    {"unreachable", "timeout", "stalled", "proxy_error", "tls_error", "rate_limited", "unauthorized"}
)
_PROTECTED: Final = gettext_noop("Protected by %(pattern)s.")
_CHUNK: Final = 500
#: Each says which tags of a project must stay for now, and why: imports and schedules are about to write them.
tag_keepers: Final[list[Callable[[Project], Mapping[tuple[str, str], Note]]]] = []


@dataclass(frozen=True, slots=True)
class Plan:
    """What stays and what goes. ``bytes``: what only the tags that go hold, in the whole registry.

    ``finished``: of a run: nothing is left that can go. ``refused``: those of ``keep`` that should have gone, each with
    what the registry said.
    """

    keep: list[Verdict]
    remove: list[Verdict]
    bytes: int
    finished: bool = True
    refused: list[Verdict] = field(default_factory=list)


def plan(project: Project, now: dt.datetime | None = None) -> Plan:
    """What clean-up would do now. Reads only."""
    verdicts = decide(
        tags_of(project),
        [rules.read(rule) for rule in RetentionRule.objects.filter(project=project, enabled=True)],
        held=_held(project),
        now=now or timezone.now(),
    )
    remove = [verdict for verdict in verdicts if not verdict.keep]
    keep = [verdict for verdict in verdicts if verdict.keep]
    return Plan(keep, remove, freed_by(project, {verdict.tag.id for verdict in remove}))


def tags_of(project: Project) -> list[Tag]:
    """The project's tags as the decision takes them, by name."""
    rows = Image.objects.filter(project=project).order_by("repository", "tag")
    columns = ("pk", "repository", "tag", "digest", "updated_at", "last_pulled_at", "children")
    return [
        Tag(pk, name, tag, digest, at, pulled, tuple(each["digest"] for each in children if "digest" in each))
        for pk, name, tag, digest, at, pulled, children in rows.values_list(*columns).iterator()
    ]


def run(*, project: Project, user: User | None, seconds: float = INLINE_SECONDS) -> Plan:
    """Move to the trash what the plan says. Where time is over before it is done, the clock goes on.

    A tag that was set or pulled since it was judged stays until it is judged again, and so does one that the registry
    does not let go.

    :raises ApplicationError: ``registry_busy``, and nothing was removed.
    :raises OciError: the registry is away or refuses, and nothing was removed.
    """
    planned = plan(project)
    # In any order: a few that the registry refuses slowly must not use up the time of the others in each round.
    done = _carry_out(project, random.sample(planned.remove, len(planned.remove)), user, seconds)
    if done.removed or done.problem is None:
        refused = [str(verdict.tag) for verdict in done.refused[:MAX_NAMED]]
        audit.record(
            "retention.run", project, removed=len(done.removed), finished=done.finished, refused=refused
        )
    if not done.finished and (done.problem is None or done.removed):
        Project.objects.filter(pk=project.pk).update(retention_next_at=timezone.now())
    if done.problem is not None and not done.removed:
        raise done.problem
    if len(done.removed) == len(planned.remove):
        return planned
    gone = {verdict.tag.id for verdict in done.removed}
    left = {verdict.tag.id for verdict in planned.remove} - gone
    return Plan(
        keep=[*planned.keep, *done.refused],
        remove=[verdict for verdict in planned.remove if verdict.tag.id in gone],
        # What both hold is freed by the last of them only.
        bytes=max(0, planned.bytes - freed_by(project, left)),
        finished=done.finished,
        refused=done.refused,
    )


@dataclass
class _Done:
    """What a run came to. ``problem``: the last error."""

    removed: list[Verdict] = field(default_factory=list)
    refused: list[Verdict] = field(default_factory=list)
    problem: ApplicationError | OciError | None = None
    finished: bool = True


def _carry_out(project: Project, verdicts: list[Verdict], user: User | None, seconds: float) -> _Done:
    """Remove one after the other. One that the registry refuses is passed over; what concerns all of them ends it."""
    ends = time.monotonic() + seconds
    done = _Done()
    in_a_row = 0
    for verdict in verdicts:
        if time.monotonic() > ends:
            done.finished = False
            break
        try:
            if _remove(project, verdict, user):
                done.removed.append(verdict)
            in_a_row = 0
        except (ApplicationError, OciError) as exc:
            if exc.code == "tag_protected":
                continue  # since a moment ago
            done.problem = exc
            in_a_row += 1
            if isinstance(exc, ApplicationError) or exc.code in _OF_ALL or in_a_row > MAX_IN_A_ROW:
                done.finished = False
                break
            log.warning("retention.not_removed", project=project.name, image=str(verdict.tag), error=str(exc))
            done.refused.append(replace(verdict, keep=True, why=(exc.template, exc.params)))
    return done


def run_due(now: dt.datetime | None = None) -> int:
    """Clean up the projects whose clock says so, and what another round did not finish. Returns how many."""
    now = now or timezone.now()
    done = 0
    for project in Project.objects.filter(retention_next_at__lte=now).order_by("retention_next_at")[:100]:
        due = Project.objects.filter(pk=project.pk, retention_next_at=project.retention_next_at)
        # If two beat processes race, only one wins.
        if not due.update(retention_next_at=next_run(project.retention_cron, now)):
            continue
        try:
            with acting_as(None):
                run(project=project, user=None, seconds=ROUND_SECONDS)
        except (ApplicationError, OciError) as exc:
            log.warning("retention.not_run", project=project.name, code=exc.code, error=str(exc))
            Project.objects.filter(pk=project.pk).update(retention_next_at=now + dt.timedelta(minutes=5))
        done += 1
    return done


def next_run(line: str, now: dt.datetime) -> dt.datetime | None:
    """When a project's clean-up is due after ``now``; None where it has no clock."""
    return cron.next_run(line, settings.TIME_ZONE, now) if line else None


def freed_by(project: Project, images: Collection[UUID]) -> int:
    """Bytes of the blobs that only these of the project's tags hold, in the whole registry."""
    if not images:
        return 0
    going: dict[str, int] = {}
    staying: set[str] = set()
    known: set[UUID] = set()
    rows = ImageBlob.objects.filter(project=project).values_list("image_id", "digest", "size")
    for image_id, digest, size in rows.iterator():
        known.add(image_id)
        if image_id in images:
            going[digest] = size
        else:
            staying.add(digest)
    alone = [digest for digest in going if digest not in staying]
    elsewhere: set[str] = set()
    for start in range(0, len(alone), _CHUNK):
        others = ImageBlob.objects.filter(digest__in=alone[start : start + _CHUNK]).exclude(project=project)
        elsewhere.update(others.values_list("digest", flat=True))
    return sum(going[digest] for digest in alone if digest not in elsewhere) + _unknown(
        project, images, known
    )


def _unknown(project: Project, images: Collection[UUID], known: set[UUID]) -> int:
    """Sizes of tags whose blobs are not written down, each digest once."""
    going: dict[str, int] = {}
    staying: set[str] = set()
    for pk, digest, size in Image.objects.filter(project=project).values_list("pk", "digest", "size"):
        if pk not in images:
            staying.add(digest)
        elif pk not in known:
            going[digest] = size
    return sum(size for digest, size in going.items() if digest not in staying)


def _remove(project: Project, verdict: Verdict, user: User | None) -> bool:
    tag = verdict.tag
    image = Image.objects.filter(
        pk=tag.id, digest=tag.digest, updated_at=tag.set_at, last_pulled_at=tag.pulled_at
    ).first()
    if image is None:
        return False
    image.project = project
    template, params = verdict.why
    why = {"rules": [str(rule) for rule in verdict.rules], "reason": template % params}
    return trash.throw_away(image=image, user=user, by_rule=True, why=why) is not None


def _held(project: Project) -> Callable[[Tag], Note | None]:
    """Why a tag stays whatever the rules say."""
    protects = protection.patterns_of(project)
    by_digest: dict[str, list[keeping.Hold]] = {}
    for hold in keeping.holds(project, without=keeping.OF_TAGS):
        by_digest.setdefault(hold.digest, []).append(hold)
    by_tag: dict[tuple[str, str], Note] = {}
    for each in tag_keepers:
        by_tag.update(each(project))

    def held(tag: Tag) -> Note | None:
        if pattern := protects(tag.repository, tag.tag):
            return _PROTECTED, {"pattern": pattern}
        if (tag.repository, tag.tag) in by_tag:
            return by_tag[tag.repository, tag.tag]
        for digest in (tag.digest, *tag.children) if by_digest else ():
            for hold in by_digest.get(digest, ()):
                if hold.repository in ("", tag.repository):
                    return hold.reason, dict(hold.params)
        return None

    return held


def sentence(verdict: Verdict) -> str:
    """Why, in the active language."""
    return filled(*verdict.why)
