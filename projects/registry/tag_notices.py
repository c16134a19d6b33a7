"""Tags that the registry reported, and the worker's look at each of them.

A row for each tag, so that a tag that is pushed a hundred times is looked at as often as there is time for. Rows
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
from projects.models import Project, TagNotice
from projects.registry.client import PULL, opened
from projects.registry.index import bring_up_to_date
from projects.token_service.scopes import split_repository

log = structlog.get_logger(__name__)

#: More tags than this of one project wait for no look; the reconcile finds them.
MOST_WAITING: Final = 10_000
#: An import writes its tag's row itself, a moment after the registry reports the push. Seconds.
OURS_SECONDS: Final = 2.0
#: Looks at once, in the whole installation.
MOST_AT_ONCE: Final = 2
#: How long a look may take before another worker may look at the same tag, seconds; longer than one takes.
CLAIM_SECONDS: Final = 120.0
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
    waiting = TagNotice.objects.filter(project=project).count()
    if waiting >= MOST_WAITING:
        log.warning("registry.too_many_notices", project=project.name, waiting=waiting)
        return
    now = timezone.now()
    later = now + dt.timedelta(seconds=OURS_SECONDS)
    TagNotice.objects.bulk_create(
        [
            TagNotice(
                project=project,
                repository=repository,
                tag=tag[:128],
                digest=noted.digest[:160],
                noted_at=now,
                due_at=later if noted.is_ours else now,
            )
            for repository, tag, noted in tags
        ],
        update_conflicts=True,
        unique_fields=["project", "repository", "tag"],
        update_fields=["digest", "noted_at", "due_at", "tries"],
    )
    if not all(noted.is_ours for _, _, noted in tags):
        transaction.on_commit(_tell)


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
    return TagNotice.objects.filter(Q(claimed_until=None) | Q(claimed_until__lte=now), due_at__lte=now)


def _claim(looked: Counter[Any]) -> TagNotice | None:
    """The next tag, of the project that had the fewest looks so far; None where none is due, or enough look already."""
    now = timezone.now()
    if TagNotice.objects.filter(claimed_until__gt=now).count() >= MOST_AT_ONCE:
        return None
    waiting = _due(now).order_by().values_list("project_id").annotate(oldest=Min("due_at"))
    for project_id, _ in sorted(waiting, key=lambda row: (looked[row[0]], row[1])):
        notice = _due(now).filter(project=project_id).select_related("project").first()
        until = now + dt.timedelta(seconds=CLAIM_SECONDS)
        # Of two workers only one moves it on.
        if notice and _due(now).filter(pk=notice.pk).update(claimed_until=until):
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
            TagNotice.objects.filter(pk=notice.pk).update(claimed_until=None)


def _as_it_was(notice: TagNotice) -> QuerySet[TagNotice]:
    """The row unless the registry reported the tag once more since it was claimed."""
    return TagNotice.objects.filter(pk=notice.pk, noted_at=notice.noted_at)


def _try_again(notice: TagNotice) -> None:
    if notice.tries >= len(RETRY_PAUSES):
        if _as_it_was(notice).delete()[0]:
            return
    else:
        due = timezone.now() + dt.timedelta(seconds=RETRY_PAUSES[notice.tries])
        _as_it_was(notice).update(tries=notice.tries + 1, due_at=due)
    TagNotice.objects.filter(pk=notice.pk).update(claimed_until=None)


def _look_at(notice: TagNotice) -> None:
    """Bring one tag's row up to date.

    :raises OciError: the registry is away, or what it says makes no sense.
    """
    access = {f"{notice.project.name}/{notice.repository}": PULL}
    limits: dict[str, Any] = {
        "tries": 1,
        "headers_seconds": REGISTRY_SECONDS,
        "stall_seconds": REGISTRY_SECONDS,
    }
    with opened(access=access, **limits) as client:
        for pause in (*PAUSES, None):
            try:
                row = bring_up_to_date(client, notice.project, notice.repository, notice.tag)
            except OciError as exc:
                # While Distribution writes the tag, its file may be empty: a 500.
                if pause is None or exc.code != "target_error" or not exc.retryable:
                    raise
            else:
                if pause is None or notice.digest in ("", row.digest if row else None):
                    break
            time.sleep(pause)
