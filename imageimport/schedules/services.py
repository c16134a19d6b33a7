"""Scheduled syncs: made, changed, run by hand or by the clock. A run itself: :mod:`imageimport.schedules.runner`."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone as clock
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from imageimport.models import Credential, Schedule, ScheduleRun
from imageimport.schedules import collisions, runner, turns
from imageimport.schedules.work import validated
from imageimport.submission.requests import ValidatedImport
from imageimport.worker import groups
from projects import audit, cron
from projects.locking import locked
from projects.models import Project
from projects.tags.tag_rules import TagRules

log = structlog.get_logger(__name__)

#: A worker takes up new runs for this long before the next tick of the clock may, seconds.
ROUND_SECONDS: Final = 60.0
MAX_RULES: Final = 200
#: What decides which tags it writes, and of what.
_WRITES: Final = frozenset({"image_url", "tags", "exclude_tags", "target_name", "platforms"})
#: What decides for whom and from where a schedule reads: who changes it answers for it.
_ANSWERED_FOR: Final = frozenset({"image_url", "tags", "exclude_tags", "credential", "target_name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """The fields of a schedule as the API names them."""

    image_url: str
    cron: str
    tags: Sequence[str] = ()
    exclude_tags: Sequence[str] = ()
    newest: int | None = None
    min_age_days: int | None = None
    target_name: str = ""
    #: None: those of the project; empty: all.
    platforms: Sequence[str] | None = None
    credential: Credential | None = None
    timezone: str = "UTC"
    enabled: bool = True


def create(*, project: Project, user: User | None, wanted: NewSchedule) -> Schedule:
    """A new schedule. It reads by the rights of ``user``.

    :raises FieldErrors: with every field that is wrong.
    """
    schedule = Schedule(
        project=project,
        image_url=wanted.image_url.strip(),
        tags=list(wanted.tags),
        exclude_tags=list(wanted.exclude_tags),
        newest=wanted.newest,
        min_age_days=wanted.min_age_days,
        target_name=wanted.target_name.strip(),
        platforms=None if wanted.platforms is None else list(wanted.platforms),
        credential=wanted.credential,
        cron=wanted.cron,
        timezone=wanted.timezone,
        enabled=wanted.enabled,
        created_by=user,
    )
    prepared = _check(schedule)
    schedule.next_run_at = _next(schedule)
    with transaction.atomic():
        _lock_project(project.pk)
        collisions.refuse(schedule, prepared)
        schedule.save(force_insert=True)
        audit.record("schedule.created", schedule)
    return schedule


def update(*, schedule: Schedule, user: User | None, changes: Mapping[str, Any]) -> Schedule:
    """Change a schedule. The user who changes what it reads answers for it: later runs use
    their permissions.

    :raises FieldErrors: with every field that is wrong.
    """
    with transaction.atomic():
        _locked_with_project(schedule)
        before = {name: getattr(schedule, name) for name in changes}
        for name, value in changes.items():
            setattr(schedule, name, value)
        changed = {name for name, value in before.items() if value != getattr(schedule, name)}
        columns = {*changed, "platforms", "platforms_by_default", "cron", "updated_at"}
        if "platforms" in changed:
            schedule.platforms_by_default = False
        if changed & _ANSWERED_FOR:
            schedule.created_by = user
            columns.add("created_by")
        prepared = _check(schedule)
        if changed & _WRITES:
            collisions.refuse(schedule, prepared)
            # Both were found in the list of another repository, or by other rules.
            schedule.gone, schedule.newer = [], ""
            columns |= {"gone", "newer"}
        if changed & {"cron", "timezone", "enabled"} or schedule.next_run_at is None:
            schedule.next_run_at = _next(schedule)
            columns.add("next_run_at")
        schedule.save(update_fields=columns)
        audit.record("schedule.changed", schedule, changed=sorted(changed))
    return schedule


def delete(*, schedule: Schedule) -> None:
    """Stop syncing. What was imported stays."""
    with transaction.atomic():
        audit.record("schedule.deleted", schedule)
        schedule.delete()


def run_now(*, schedule: Schedule, user: User | None) -> ScheduleRun:
    """Run it now, whatever its cron line says, also while it is switched off.

    :raises ApplicationError: ``already_running`` (with ``run``).
    """
    with transaction.atomic():
        run = _begin(schedule, user)
        if run is None:
            open_run = ScheduleRun.objects.filter(schedule=schedule, ended_at=None).first()
            raise ApplicationError(
                "already_running",
                gettext_noop("The previous run of this scheduled sync has not finished yet."),
                facts={"run": str(open_run.pk) if open_run else None},
            )
        audit.record("schedule.run", schedule)
    return run


def run_due() -> int:
    """Begin what is due, do the open runs that no one does, end those that were left. Returns how many it did."""
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
        except (ApplicationError, ValueError, KeyError) as exc:
            log.warning("schedule.unreadable", schedule=str(schedule.pk), error=str(exc))
            following = None
        with transaction.atomic():
            # If two beat processes race, only one wins.
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
    try:
        prepared = validated(schedule)
    except FieldErrors as exc:
        errors |= exc.errors
    else:
        schedule.platforms = prepared.task.platforms
        schedule.platforms_by_default = prepared.task.platforms_by_default
        schedule.image_url = prepared.task.image_url
        if prepared.source.digest is not None:
            errors["image_url"] = [
                _("A digest never changes, so there is nothing to sync. Enter a repository or a tag.")
            ]
    for name in ("tags", "exclude_tags"):
        try:
            _check_rules(getattr(schedule, name))
        except ApplicationError as exc:
            errors[name] = [sentence_of(exc)]
    try:
        schedule.cron = cron.check(schedule.cron, schedule.timezone)
    except ApplicationError as exc:
        errors["timezone" if exc.code == "invalid_time_zone" else "cron"] = [exc.detail]
    if errors:
        raise FieldErrors(errors)
    return prepared


def _check_rules(rules: Sequence[str]) -> None:
    if len(rules) > MAX_RULES:
        raise ApplicationError("too_many_rules", runner.TOO_MANY_RULES, limit=MAX_RULES)
    TagRules(rules)
