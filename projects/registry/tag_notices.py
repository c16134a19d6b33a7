"""Tags that the registry reported, and the worker's look at each of them.

A row for each tag, so that a tag that is pushed a hundred times is looked at as often as there is time for. Protected
tags that are to be put back go first. Rows
survive a worker and a Redis that are away; a row that is lost or given up is made good by
:mod:`projects.registry.reconcile`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from oci.copy.referrers import is_attachment_tag
from oci.errors import OciError
from oci.http.transport import Timeouts
from oci.registry.options import ClientOptions
from oci.registry.retry import RetryPolicy
from projects import protection
from projects.locking import Leases
from projects.models import Image, Project, TagNotice
from projects.registry.client import PULL, opened_repository
from projects.registry.index import bring_up_to_date
from projects.token_service.scopes import split_repository

log = structlog.get_logger(__name__)

#: More tags than this of one project wait for no look; the reconcile finds them.
MAX_WAITING: Final = 10_000
#: An import writes its tag's row itself, a moment after the registry reports the push. Seconds.
OURS_SECONDS: Final = 2.0
#: A protected tag that is to be put back goes before everything else of its project: its row is due this much earlier
#: than it would be. Else anyone who may push could put that off by pushing thousands of other tags.
AHEAD: Final = dt.timedelta(days=3650)
#: Looks at once, in the whole installation.
MAX_AT_ONCE: Final = 2
#: Another worker may look at the same tag after 120 seconds, longer than a look takes.
CLAIMS: Final = Leases("claimed_until", 120)
#: How long a worker looks at one tag after the other before the next hint or tick goes on, seconds.
ROUND_SECONDS: Final = 20.0
#: What the registry gets for an answer, seconds.
REGISTRY_SECONDS: Final = 10.0
#: Distribution reports a push before it writes the tag: pauses before looking again, seconds.
PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.3)
#: Pauses after the first, second, … look that failed, seconds; then it is given up.
RETRY_PAUSES: Final = (2.0, 10.0, 30.0, 60.0)

#: Told, after the commit, that something waits; each sends a hint to a worker.
when_noted: Final[list[Callable[[], None]]] = []


@dataclass(frozen=True, slots=True)
class Noted:
    """``digest``: what a tag is said to name; empty: it is said to be gone. ``is_ours``: the portal itself did it."""

    digest: str
    is_ours: bool


def note(touched: Mapping[tuple[str, str], Noted]) -> None:
    """Write down what is to be looked at, by repository (with the project's name) and tag.

    Tags that only hold signatures and the like are part of the image that they are attached to, and are left out.
    """
    by_project: dict[str, list[tuple[str, str, Noted]]] = {}
    for (repository, tag), noted in touched.items():
        where = split_repository(repository)
        if where is not None and not is_attachment_tag(tag):
            by_project.setdefault(where[0], []).append((where[1], tag, noted))
    for project in Project.objects.filter(name__in=by_project):
        _write(project, by_project[project.name])


def _write(project: Project, tags: list[tuple[str, str, Noted]]) -> None:
    first = _to_put_back(project, tags)
    waiting = TagNotice.objects.filter(project=project).count()
    if waiting >= MAX_WAITING:
        log.warning("registry.too_many_notices", project=project.name, waiting=waiting)
        # There are no more of these than the project has images.
        tags = [each for each in tags if each[:2] in first]
    now = timezone.now()

    def due_at(repository: str, tag: str, noted: Noted) -> dt.datetime:
        due = now + dt.timedelta(seconds=OURS_SECONDS) if noted.is_ours else now
        return due - AHEAD if (repository, tag) in first else due

    TagNotice.objects.bulk_create(
        [
            TagNotice(
                project=project,
                repository=repository,
                tag=tag[:128],
                digest=noted.digest[:160],
                noted_at=now,
                due_at=due_at(repository, tag, noted),
            )
            for repository, tag, noted in tags
        ],
        update_conflicts=True,
        unique_fields=["project", "repository", "tag"],
        update_fields=["digest", "noted_at", "due_at", "tries"],
    )
    if not all(noted.is_ours for _, _, noted in tags):
        transaction.on_commit(_tell)


def _to_put_back(project: Project, tags: list[tuple[str, str, Noted]]) -> set[tuple[str, str]]:
    """Those of these tags, as repository and tag, that are protected and no longer name what they should."""
    protects = protection.patterns_of(project)
    noted_digests = {(name, tag): noted.digest for name, tag, noted in tags if protects(name, tag)}
    if not noted_digests:
        return set()
    rows = Image.objects.filter(project=project, tag__in={tag for _, tag in noted_digests})
    return {
        (name, tag)
        for name, tag, digest in rows.values_list("repository", "tag", "digest")
        if noted_digests.get((name, tag), digest) != digest
    }


def _tell() -> None:
    for tell in when_noted:
        tell()


def look_due(*, stop: Callable[[], bool] = lambda: False) -> int:
    """Look at what is due, the projects in turn, for :data:`ROUND_SECONDS` at most. Returns at how many tags it looked.

    :param stop: asked before each look.
    """
    looked: Counter[Any] = Counter()
    deadline = time.monotonic() + ROUND_SECONDS
    while time.monotonic() < deadline and not stop():
        notice = _claim(looked)
        if notice is None:
            break
        looked[notice.project_id] += 1
        _follow(notice)
    return looked.total()


def _due(now: dt.datetime) -> QuerySet[TagNotice]:
    """What may be claimed, what goes before all others first."""
    is_due = Q(due_at__lte=now, due_at__gt=now - AHEAD / 2) | Q(due_at__lte=now - AHEAD)
    return TagNotice.objects.filter(CLAIMS.is_free(now), is_due)


def _claim(looked: Counter[Any]) -> TagNotice | None:
    """The next tag, of the project that had the fewest looks so far; None where none is due, or enough look already."""
    now = timezone.now()
    if TagNotice.objects.filter(CLAIMS.is_held(now)).count() >= MAX_AT_ONCE:
        return None
    waiting = _due(now).order_by().values_list("project_id").annotate(oldest=Min("due_at"))
    for project_id, _ in sorted(waiting, key=lambda row: (looked[row[0]], row[1])):
        notice = _due(now).filter(project=project_id).select_related("project").first()
        if notice and CLAIMS.take(_due(now).filter(pk=notice.pk), now):
            return notice
    return None


def _follow(notice: TagNotice) -> None:
    image = f"{notice.project.name}/{notice}"
    try:
        _look_at(notice)
    except (OperationalError, InterfaceError):
        close_old_connections()
        raise  # The database is away: what is claimed is due again when its time is up.
    except OciError as exc:
        log.warning("registry.notice_not_followed", image=image, code=exc.code, error=str(exc))
        _try_again(notice)
    except Exception:
        # The others are looked at all the same.
        log.exception("registry.notice_failed", image=image)
        _try_again(notice)
    else:
        if not _as_it_was(notice).delete()[0]:
            CLAIMS.give_back(TagNotice.objects.filter(pk=notice.pk))


def _as_it_was(notice: TagNotice) -> QuerySet[TagNotice]:
    """The row unless the registry reported the tag once more since it was claimed."""
    return TagNotice.objects.filter(pk=notice.pk, noted_at=notice.noted_at)


def _try_again(notice: TagNotice) -> None:
    if notice.tries >= len(RETRY_PAUSES):
        if _as_it_was(notice).delete()[0]:
            return
    else:
        now = timezone.now()
        due = now + dt.timedelta(seconds=RETRY_PAUSES[notice.tries])
        if notice.due_at < now - AHEAD / 2:
            due -= AHEAD
        _as_it_was(notice).update(tries=notice.tries + 1, due_at=due)
    CLAIMS.give_back(TagNotice.objects.filter(pk=notice.pk))


def _look_at(notice: TagNotice) -> None:
    """Bring one tag's row up to date.

    :raises OciError: the registry is away, or what it says makes no sense.
    """
    name = f"{notice.project.name}/{notice.repository}"
    options = ClientOptions(
        retries=RetryPolicy(tries=1),
        timeouts=Timeouts(headers_seconds=REGISTRY_SECONDS, stall_seconds=REGISTRY_SECONDS),
    )
    with opened_repository(name, PULL, options=options) as there:
        for pause in (*PAUSES, None):
            try:
                row = bring_up_to_date(there, notice.project, notice.repository, notice.tag)
            except OciError as exc:
                # While Distribution writes the tag, its file may be empty: a 500.
                if pause is None or exc.code != "target_error" or not exc.retryable:
                    raise
            else:
                if pause is None or notice.digest in ("", row.digest if row else None):
                    break
            time.sleep(pause)
