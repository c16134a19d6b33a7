"""Hours in which imports that are not interactive may move bytes: who waits for them, until when, and who must stop.

The installation's window and the project's must both be open. An import that waits says so in its row, as for a rate
limit, and burns no attempt. A maintainer may let one run all the same.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop

from imageimport.choices import Priority, Transport
from imageimport.messages import english, parts
from imageimport.models import ImportTask
from projects.hours import Window, opens_at
from projects.models import Project
from projects.models.prepared import Prepared

log = structlog.get_logger(__name__)

WAITS: Final = gettext_noop("Waiting until %(time)s: data may only be transferred during certain hours.")
NEVER: Final = gettext_noop(
    "Waiting: the hours of the project and of the installation never overlap. Ask the administrator to change "
    "them."
)
_WAITING: Final = gettext_noop("Waiting to start")
#: When hours that never meet are looked at again: someone changes them.
_LOOK_AGAIN: Final = dt.timedelta(hours=1)

#: As :func:`obeys` and :func:`may_close` say.
_OBEYING: Final = Q(outside_window=False) & ~Q(priority=Priority.INTERACTIVE) & ~Q(transport=Transport.BUNDLE)
#: A project with hours of its own; an import that waits for hours: where there is neither, no one is held back.
_OWN_HOURS: Final = Prepared(lambda: Project.objects.exclude(window="").order_by().values_list("pk")[:1])
_WAITING_FOR_HOURS: Final = Prepared(
    lambda: ImportTask.objects.waiting().filter(waits_for_window=True).order_by().values_list("pk")[:1]
)


def opening(project_window: str, now: dt.datetime) -> dt.datetime | None:
    """When an import of a project with this window may move bytes: ``now``, later, or (None) never."""
    return opens_at(_windows(project_window), now)


def hold_back(now: dt.datetime) -> None:
    """Have what waits and may not move bytes now say so, and let go what need not wait anymore."""
    if not settings.IMPORT_WINDOW and _OWN_HOURS.first() is None and _WAITING_FOR_HOURS.first() is None:
        return
    opens = functools.cache(lambda window: opening(window, now))
    closed: dict[dt.datetime | None, set[str]] = defaultdict(set)
    opened: set[str] = set()
    for window, is_held, not_before in _waiting(all_projects=opens("") != now):
        at = opens(window)
        if at != now and _is_to_wait(is_held, not_before, until(at, now)):
            closed[at].add(window)
        elif at == now and is_held:
            opened.add(window)
    for at, those in closed.items():
        _hold(ImportTask.objects.filter(project__window__in=those), at, now)
    if opened:
        let_go(ImportTask.objects.waiting().filter(project__window__in=opened))


def _waiting(*, all_projects: bool) -> Iterable[tuple[str, bool, dt.datetime | None]]:
    """What waits and has hours or is held by them, each once: the project's hours, whether it is held, until when.
    One question, however many projects there are: it is asked at each claim.

    :param all_projects: also those that have no hours of their own.
    """
    has_hours = _OBEYING if all_projects else _OBEYING & ~Q(project__window="")
    rows = ImportTask.objects.waiting().filter(has_hours | Q(waits_for_window=True))
    return rows.order_by().values_list("project__window", "waits_for_window", "not_before").distinct()


def _is_to_wait(is_held: bool, not_before: dt.datetime | None, moment: dt.datetime) -> bool:
    """As the rows that :func:`_hold` writes."""
    if is_held or not_before is None:
        return not_before != moment
    return not_before < moment


def waiting_parts(opens: dt.datetime | None) -> dict[str, Any]:
    """The sentence of a row that waits for its hours."""
    if opens is None:
        return parts(NEVER)
    return parts(WAITS, {"time": f"{opens.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"})


def until(opens: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """What ``not_before`` says of it; the same moment for an hour where it never opens, so that rows aren't written at
    each look.
    """
    return opens or (now + _LOOK_AGAIN).replace(minute=0, second=0, microsecond=0)


def may_close(task: ImportTask) -> bool:
    """Whether hours may stop it in the middle."""
    return obeys(task) and not task.outside_window and bool(_windows(task.project.window))


def obeys(task: ImportTask) -> bool:
    """Whether hours are for it at all: they are for the line to sources, which uploaded files don't use."""
    return task.priority != Priority.INTERACTIVE and task.transport != Transport.BUNDLE


def _windows(project_window: str) -> Sequence[Window]:
    texts = (settings.IMPORT_WINDOW, project_window)
    return [Window.parse(text, settings.TIME_ZONE) for text in texts if text]


def _hold(tasks: QuerySet[ImportTask], opens: dt.datetime | None, now: dt.datetime) -> None:
    sentence = waiting_parts(opens)
    changes = {
        "waits_for_window": True,
        "not_before": until(opens, now),
        "message": english(sentence),
        "message_parts": sentence,
        "updated_at": now,
    }
    obeying = tasks.filter(_OBEYING, pk__in=ImportTask.objects.waiting().values("pk"))
    # What waits for something else first (a rate limit, another try) keeps its own moment where that is later.
    free = Q(not_before=None) | Q(not_before__lt=until(opens, now))
    other = Q(waits_for_window=True) & ~Q(not_before=until(opens, now))
    count = obeying.filter(free | other).update(**changes)
    if count:
        log.info("imports.wait_for_hours", count=count, until=str(opens))


def let_go(tasks: QuerySet[ImportTask]) -> int:
    """Those of the tasks that wait for their hours wait for a place only, and say so. Returns how many."""
    sentence = parts(_WAITING)
    return tasks.filter(waits_for_window=True).update(
        waits_for_window=False, not_before=None, message=english(sentence), message_parts=sentence
    )
