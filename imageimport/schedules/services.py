"""Scheduled syncs: made, changed, run by hand or by the clock. A run itself: :mod:`imageimport.schedules.runner`."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

import structlog
from croniter import CroniterError
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from imageimport.exceptions import FieldErrors, Refused
from imageimport.messages import parts, shown
from imageimport.models import Credential, Schedule, ScheduleRun
from imageimport.schedules import collisions, cron, runner, turns
from imageimport.schedules.tag_rules import RuleError, TagRules
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from imageimport.worker import groups
from projects import audit
from projects.locking import locked
from projects.models import Project

log = structlog.get_logger(__name__)

#: A worker takes up new runs for so long before the next tick of the clock may, seconds.
ROUND_SECONDS: Final = 60.0
MAX_RULES: Final = 200
#: What decides which tags it writes, and of what.
_WRITES: Final = frozenset({"image_url", "tags", "exclude_tags", "target_name", "platforms"})
#: What decides for whom and from where a schedule reads: who changes it answers for it.
_ANSWERED_FOR: Final = frozenset({"image_url", "tags", "exclude_tags", "credential", "target_name"})


def create(
    *,
    project: Project,
    user: User | None,
    image_url: str,
    cron: str,
    tags: Sequence[str] = (),
    exclude_tags: Sequence[str] = (),
    target_name: str = "",
    platforms: Sequence[str] = (),
    credential: Credential | None = None,
    timezone: str = "UTC",
    enabled: bool = True,
    audit_request: HttpRequest | None = None,
) -> Schedule:
    """A new schedule. It reads by the rights of ``user``.

    :raises FieldErrors: with every field that is wrong.
    """
    schedule = Schedule(
        project=project,
        image_url=image_url.strip(),
        tags=list(tags),
        exclude_tags=list(exclude_tags),
        target_name=target_name.strip(),
        platforms=list(platforms),
        credential=credential,
        cron=cron,
        timezone=timezone,
        enabled=enabled,
        created_by=user,
    )
    prepared = _check(schedule)
    schedule.next_run_at = _next(schedule)
    with transaction.atomic():
        _lock_project(project.pk)
        collisions.refuse(schedule, prepared)
        schedule.save(force_insert=True)
        _journal("schedule.created", schedule, user, audit_request)
    return schedule


def update(
    *,
    schedule: Schedule,
    user: User | None,
    changes: Mapping[str, Any],
    audit_request: HttpRequest | None = None,
) -> Schedule:
    """Change a schedule. Who changes what it reads is from then on the one by whose rights it does.

    :raises FieldErrors: with every field that is wrong.
    """
    with transaction.atomic():
        _locked_with_project(schedule)
        before = {name: getattr(schedule, name) for name in changes}
        for name, value in changes.items():
            setattr(schedule, name, value)
        changed = {name for name, value in before.items() if value != getattr(schedule, name)}
        columns = {*changed, "platforms", "cron", "updated_at"}
        if changed & _ANSWERED_FOR:
            schedule.created_by = user
            columns.add("created_by")
        prepared = _check(schedule)
        if changed & _WRITES:
            collisions.refuse(schedule, prepared)
        if changed & {"cron", "timezone", "enabled"} or schedule.next_run_at is None:
            schedule.next_run_at = _next(schedule)
            columns.add("next_run_at")
        schedule.save(update_fields=columns)
        _journal("schedule.changed", schedule, user, audit_request, changed=sorted(changed))
    return schedule


def delete(*, schedule: Schedule, user: User | None, audit_request: HttpRequest | None = None) -> None:
    """Stop syncing. What was imported stays."""
    with transaction.atomic():
        _journal("schedule.deleted", schedule, user, audit_request)
        schedule.delete()


def run_now(
    *, schedule: Schedule, user: User | None, audit_request: HttpRequest | None = None
) -> ScheduleRun:
    """Run it now, whatever its cron line says, also while it is switched off.

    :raises Refused: ``already_running`` (with ``run``).
    """
    with transaction.atomic():
        run = _begin(schedule, user)
        if run is None:
            open_run = ScheduleRun.objects.filter(schedule=schedule, ended_at=None).first()
            raise Refused(
                "already_running",
                _("The last run of this schedule has not ended yet."),
                run=str(open_run.pk) if open_run else None,
            )
        _journal("schedule.run", schedule, user, audit_request)
    return run


def run_due() -> int:
    """Begin what is due, do the open runs that nobody does, end those that were left. Returns how many it did."""
    groups.settle_stragglers()
    _start_due(clock.now())
    ends = time.monotonic() + ROUND_SECONDS
    first = runner.claim()
    if first is None:
        return 0
    # Side by side in this one process: the others of the pool are for imports and housekeeping.
    with ThreadPoolExecutor(turns.MAX_RUNS, "schedule") as pool:
        beside = [pool.submit(_beside, ends) for _ in range(turns.MAX_RUNS - 1)]
        done = _work(first, ends)
        return done + sum(each.result() for each in beside)


def _work(lease: runner.RunLease | None, ends: float) -> int:
    """Do this run, and then what is free, until the monotonic time ``ends``. Returns how many it did."""
    done = 0
    while lease is not None:
        runner.work(lease)
        done += 1
        lease = runner.claim() if time.monotonic() < ends else None
    return done


def _beside(ends: float) -> int:
    try:
        return _work(runner.claim(), ends)
    finally:
        connection.close()


def _start_due(now: dt.datetime) -> None:
    due = Schedule.objects.filter(enabled=True, next_run_at__lte=now).order_by("next_run_at")
    for schedule in due[:500]:
        try:
            following = cron.next_run(schedule.cron, schedule.timezone, now)
        except (CroniterError, ValueError, KeyError) as exc:
            log.warning("schedule.unreadable", schedule=str(schedule.pk), error=str(exc))
            following = None
        with transaction.atomic():
            # Of two clocks only one moves it on.
            mine = Schedule.objects.filter(pk=schedule.pk, enabled=True, next_run_at=schedule.next_run_at)
            if not mine.update(next_run_at=following) or following is None:
                continue
            if _begin(schedule, None) is None:
                log.info("schedule.still_running", schedule=str(schedule.pk))


def _begin(schedule: Schedule, user: User | None) -> ScheduleRun | None:
    """An open run; None where one is open already."""
    try:
        with transaction.atomic():
            return ScheduleRun.objects.create(schedule=schedule, requested_by=user)
    except IntegrityError:
        return None


def _next(schedule: Schedule) -> dt.datetime | None:
    return cron.next_run(schedule.cron, schedule.timezone, clock.now()) if schedule.enabled else None


def _lock_project(project: UUID) -> None:
    """Schedules of one project are saved one after the other, so that of two that collide one sees the other."""
    Project.objects.select_for_update().only("pk").get(pk=project)


def _locked_with_project(schedule: Schedule) -> None:
    _lock_project(schedule.project_id)
    locked(schedule, "project", "credential", "created_by")


def _check(schedule: Schedule) -> ValidatedImport:
    """Judge all fields, and write some in their one form. What an import of it would be.

    :raises FieldErrors:
    """
    errors: dict[str, list[str]] = {}
    request = ImportRequest(
        image_url=schedule.image_url,
        target_name=schedule.target_name,
        credential=schedule.credential,
        platforms=schedule.platforms,
    )
    try:
        prepared = prepare(project=schedule.project, user=schedule.created_by, request=request)
    except FieldErrors as exc:
        errors |= exc.errors
    else:
        schedule.platforms = prepared.task.platforms
        schedule.image_url = prepared.task.image_url
        if prepared.source.digest is not None:
            errors["image_url"] = [_("A digest never moves. Name a repository or a tag.")]
    for name in ("tags", "exclude_tags"):
        try:
            _check_rules(getattr(schedule, name))
        except RuleError as exc:
            errors[name] = [shown("", parts(exc.template, exc.params))]
    try:
        schedule.cron = cron.check(schedule.cron, schedule.timezone)
    except cron.CronError as exc:
        errors["timezone" if "zone" in exc.params else "cron"] = [shown("", parts(exc.template, exc.params))]
    if errors:
        raise FieldErrors(errors)
    return prepared


def _check_rules(rules: Sequence[str]) -> None:
    if len(rules) > MAX_RULES:
        raise RuleError(runner.TOO_MANY_RULES, limit=str(MAX_RULES))
    TagRules(rules)


def _journal(
    action: str, schedule: Schedule, user: User | None, request: HttpRequest | None, **detail: Any
) -> None:
    audit.record(
        action=action,
        actor=user,
        project=schedule.project,
        subject=schedule.image_url,
        detail={"schedule": str(schedule.pk), **detail},
        request=request,
    )
