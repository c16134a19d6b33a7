"""One run of a schedule: which tags are new or moved at the source, compared with what the target holds.

Digests are compared by HEAD, which costs the source nothing; a manifest is fetched only from registries that do not say
its digest. Tags are listed only where a rule is no exact name. Nothing is ever deleted at the target.

A run is leased like an import: what a lost worker left is taken up again by another, and tags that have their import
already are not asked for twice.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import socket
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from imageimport import settling, stopping
from imageimport.comparing import Comparison, Found, compare, opened
from imageimport.models import ImportTask, ScheduleRun
from imageimport.sentences import english, of_error
from imageimport.syncwork import Import, begin_import
from imageimport.tagrules import TagRules
from oci.errors import OciError, gettext_noop
from oci.scrub import scope

log = structlog.get_logger(__name__)

#: Renewed after each chunk of tags; a chunk takes less, whatever the source does.
LEASE_SECONDS: Final = 120
CHUNK: Final = 32
PARALLEL: Final = 4
#: Runs under comparison at once in the whole installation: imports and the sweep keep their workers. A comparison
#: takes a second or two, its imports go on without it.
MOST_RUNS: Final = 1
MOST_TRIES: Final = 3
MOST_ITEMS: Final = 1000
#: A rate limit is waited for so long in all.
LONGEST_WAIT: Final = dt.timedelta(hours=6)
#: Faults of the whole place and not of one tag.
_WHOLE: Final = frozenset(
    {"unreachable", "tls_error", "blocked_address", "rate_limited", "unauthorized", "credential_unreadable",
     "target_error", "stalled"}
)  # fmt: skip
TOO_MANY_RULES: Final = gettext_noop("There may be at most %(limit)s rules.")


class LeaseLost(Exception):
    """Another worker has the run, or it is gone."""


@dataclass(frozen=True, slots=True)
class RunLease:
    """The right to work at a run while the row names this owner."""

    run_id: uuid.UUID
    owner: str

    def rows(self) -> Any:
        return ScheduleRun.objects.filter(
            pk=self.run_id, lease_owner=self.owner, checked_at=None, ended_at=None
        )

    def write(self, **columns: Any) -> None:
        """:raises LeaseLost:"""
        until = timezone.now() + dt.timedelta(seconds=LEASE_SECONDS)
        if not self.rows().update(**{"lease_expires_at": until, **columns}):
            raise LeaseLost


def claim() -> RunLease | None:
    """Take up the oldest run that nobody works at, unless enough are under way."""
    now = timezone.now()
    open_runs = ScheduleRun.objects.filter(checked_at=None, ended_at=None)
    if (
        open_runs.filter(lease_expires_at__gt=now).exclude(lease_owner="").count() >= MOST_RUNS
        or stopping.asked()
    ):
        return None
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=now)
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[:120]
    until = now + dt.timedelta(seconds=LEASE_SECONDS)
    for pk in open_runs.filter(free).order_by("started_at").values_list("pk", flat=True)[:MOST_RUNS]:
        mine = open_runs.filter(free, pk=pk)
        if mine.update(lease_owner=owner, lease_expires_at=until, tries=F("tries") + 1):
            return RunLease(pk, owner)
    return None


def work(lease: RunLease) -> None:
    """Compare, begin the imports that are due, and write how it went. Raises nothing that the row could say."""
    run = ScheduleRun.objects.select_related(
        "schedule__project", "schedule__credential", "schedule__created_by"
    ).get(pk=lease.run_id)
    with scope(), structlog.contextvars.bound_contextvars(schedule_run=str(run.pk)):
        try:
            if run.tries > MOST_TRIES:
                raise OciError("worker_lost", gettext_noop("The workers that compared the tags were lost."))
            _Run(run, lease).go()
        except LeaseLost:
            log.warning("schedule.lease_lost_here")
        except OciError as exc:
            _settle_error(run, lease, exc)
        except Exception:  # a defect of ours must not be tried for ever
            incident = uuid.uuid4().hex[:12]
            log.exception("schedule.internal_error", incident=incident)
            _settle_error(run, lease, _unforeseen(incident))


class _Run:
    """The work at one run by one owner."""

    def __init__(self, run: ScheduleRun, lease: RunLease) -> None:
        self.run = run
        self.lease = lease
        self.rules = TagRules(run.schedule.tags or [], run.schedule.exclude_tags or [])
        #: Of an earlier owner: tag to task.
        self.begun = dict(ImportTask.objects.filter(schedule_run=run).values_list("target_tag", "pk"))
        known = {item["tag"]: item for item in run.items}
        self.earlier = {tag: known.get(tag, {"tag": tag, "result": "moved"}) for tag in self.begun}
        run.checked = run.new = run.moved = run.unchanged = run.failed = 0
        run.items = []

    def go(self) -> None:
        """:raises OciError: of the source or target as a whole. :raises LeaseLost:"""
        with opened(self.run.schedule) as comparison, ThreadPoolExecutor(PARALLEL, "schedule") as pool:
            for tags in _chunks(self._tags(comparison)):
                fresh = [tag for tag in tags if tag not in self.begun]
                found = list(pool.map(lambda tag: compare(comparison, tag), fresh))
                self._take(comparison, [tag for tag in tags if tag in self.begun], found)
                if stopping.asked():
                    self.lease.write(lease_owner="", lease_expires_at=None, tries=F("tries") - 1)
                    return
            self.finish(None if self.run.checked else _nothing(comparison))

    def finish(self, error: OciError | None = None) -> None:
        said = of_error(error) if error else {}
        self.lease.write(
            **self._columns(),
            checked_at=timezone.now(),
            lease_owner="",
            lease_expires_at=None,
            error_code=error.code if error else "",
            error=english(said) if error else "",
            error_parts=said,
        )
        settling.settle_run(self.run.pk)

    def _tags(self, comparison: Comparison) -> Iterator[str]:
        rules = self.rules
        if not rules.include:
            yield comparison.reference.tag or "latest"
            return
        yield from rules.exact
        if rules.all_exact:
            return
        seen = set(rules.exact)
        for count, tag in enumerate(comparison.source.list_tags(comparison.reference.repository)):
            if count % 1000 == 999:
                self.lease.write()
            if tag not in seen and rules.wants(tag):
                seen.add(tag)
                yield tag

    def _take(self, comparison: Comparison, begun: Sequence[str], found: Sequence[Found]) -> None:
        """Count what was found and begin its imports, together with the numbers that say so."""
        for each in found:
            if each.error is not None and each.error.code in _WHOLE:
                raise each.error
        run = self.run
        with transaction.atomic():
            run.checked += len(begun) + len(found)
            for tag in begun:
                self._note(self.earlier[tag])
            for each in found:
                self._note_found(comparison, each)
            run.pulls += sum(each.pulled for each in found)
            self.lease.write(**self._columns())

    def _note_found(self, comparison: Comparison, found: Found) -> None:
        if found.error is None and found.is_unchanged:
            self.run.unchanged += 1
            return
        made = (
            Import(error=of_error(found.error), code=found.error.code)
            if found.error
            else begin_import(self.run, comparison.reference, found.tag)
        )
        result = made.result or ("new" if found.was is None else "moved")
        self._note(
            {
                "tag": found.tag,
                "digest": found.digest,
                "was": found.was,
                "result": result,
                "task": made.task,
                "code": made.code,
                "error": made.error,
            }
        )

    def _note(self, item: dict[str, Any]) -> None:
        result = item["result"]
        if result in ("new", "moved", "failed"):
            setattr(self.run, result, getattr(self.run, result) + 1)
        if len(self.run.items) < MOST_ITEMS:
            self.run.items.append(item)

    def _columns(self) -> dict[str, Any]:
        names = ("checked", "new", "moved", "unchanged", "failed", "pulls", "items")
        return {name: getattr(self.run, name) for name in names}


def _settle_error(run: ScheduleRun, lease: RunLease, error: OciError) -> None:
    """Wait for a rate limit to pass, else end the run with what it has done so far."""
    log.warning("schedule.run_failed", code=error.code, error=str(error))
    said = of_error(error)
    now = timezone.now()
    try:
        if error.code == "rate_limited" and error.retry_after and _may_wait(run, error.retry_after, now):
            lease.write(
                lease_owner="",
                lease_expires_at=now + dt.timedelta(seconds=error.retry_after),
                tries=F("tries") - 1,
                error_code=error.code,
                error=english(said),
                error_parts=said,
            )
            return
        lease.write(
            checked_at=now,
            lease_owner="",
            lease_expires_at=None,
            failed=F("failed") + 1,
            error_code=error.code,
            error=english(said),
            error_parts=said,
        )
    except LeaseLost:
        log.warning("schedule.lease_lost_here")
        return
    settling.settle_run(run.pk)


def _nothing(comparison: Comparison) -> OciError:
    """Nothing follows from an empty list but this sentence."""
    template = gettext_noop("No tag of %(repository)s matches the rules.")
    return OciError(
        "not_found", template, repository=f"{comparison.reference.registry}/{comparison.reference.repository}"
    )


def _may_wait(run: ScheduleRun, seconds: float, now: dt.datetime) -> bool:
    return now + dt.timedelta(seconds=seconds) - run.started_at <= LONGEST_WAIT


def _unforeseen(incident: str) -> OciError:
    return OciError(
        "internal_error",
        gettext_noop(
            "Something unforeseen happened in the portal. The operator finds it in the log as %(incident)s."
        ),
        incident=incident,
    )


def _chunks(tags: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(tags, CHUNK)):
        yield chunk
