"""One run of a schedule: which tags are new or moved at the source, compared with what the target holds.

Digests are compared by HEAD, which costs the source nothing; a manifest is fetched only from registries that do not say
its digest. Tags are listed only where a rule is no exact name. Nothing is ever deleted at the target.

A run is leased like an import: what a lost worker left is taken up again by another, where that one was. It keeps
its place for a turn only, while runs of others wait (:mod:`imageimport.schedules.turns`), and goes on at its next
turn, or after a rate limit, with the tag at which it stopped.

The source is asked for one tag at a time: so a registry that limits its requests refuses one of them for each of its
windows, not as many as are on their way.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.caller import acting_as
from accounts.exceptions import internal_error
from imageimport.messages import english, of_error
from imageimport.models import ImportTask, ScheduleRun
from imageimport.schedules import turns, upstream
from imageimport.schedules.comparison import Comparison, NotCompared, Standing, TagState, compare, opened
from imageimport.schedules.turns import RunLease, claim
from imageimport.schedules.work import Import, begin_import
from imageimport.worker import groups, shutdown
from oci.errors import OciError
from oci.redaction import scope
from oci.reference.parser import DEFAULT_TAG, valid_tag
from projects.locking import LeaseLost
from projects.tags import semver
from projects.tags.tag_rules import TagRules

__all__ = ["RunLease", "claim", "work"]

log = structlog.get_logger(__name__)

#: Tags that are looked at before what was found is written.
CHUNK: Final = 32
#: A comparison goes on for this long while runs of others wait, seconds; then it goes to the end of the line.
TURN_SECONDS: Final = 30.0
#: A source may take this long to list its tags, seconds: half a list is worth nothing at the next turn.
LISTING_SECONDS: Final = 120.0
MAX_TRIES: Final = 3
MAX_ITEMS: Final = 1000
#: A rate limit is waited for this long in all.
MAX_WAIT_SECONDS: Final = dt.timedelta(hours=6)
#: Faults of the whole place and not of one tag.
_WHOLE: Final = frozenset(
    {"unreachable", "proxy_error", "tls_error", "blocked_address", "rate_limited", "unauthorized",
     "credential_unreadable", "target_error", "stalled"}
)  # fmt: skip
_LISTING: Final = gettext_noop("%(host)s took more than %(seconds)d seconds to list its tags.")
TOO_MANY_RULES: Final = gettext_noop("At most %(limit)s rules are allowed.")


def work(lease: RunLease) -> None:
    """Compare, begin the imports that are due, and write how it went. Raises nothing that the row could say."""
    run = ScheduleRun.objects.select_related(
        "schedule__project", "schedule__credential", "schedule__created_by"
    ).get(pk=lease.run_id)
    with (
        scope(),
        structlog.contextvars.bound_contextvars(schedule_run=str(run.pk)),
        acting_as(run.schedule.created_by),
    ):
        try:
            if run.tries > MAX_TRIES:
                raise OciError(
                    "worker_lost", gettext_noop("The workers that compared the tags stopped responding.")
                )
            _Run(run, lease).go()
        except LeaseLost:
            log.warning("schedule.lease_lost_here")
        except OciError as exc:
            _settle_error(run, lease, exc)
        except Exception:  # a defect of ours must not be tried forever
            error = internal_error()
            log.exception("schedule.internal_error", incident=error.params["incident"])
            _settle_error(run, lease, error)


class _Run:
    """The work at one run by one owner."""

    def __init__(self, run: ScheduleRun, lease: RunLease) -> None:
        self.run = run
        self.lease = lease
        self.rules = TagRules(run.schedule.tags or [], run.schedule.exclude_tags or [])
        self.turn_ends = time.monotonic() + TURN_SECONDS
        self.begun: dict[str, dict[str, Any]] = {}
        if run.todo is None:
            self._begin_again()

    def _begin_again(self) -> None:
        """No one looked at it yet, or not as far as to know its tags. Imports there are only of a release before."""
        run = self.run
        known = {item["tag"]: item for item in run.items}
        tags = ImportTask.objects.filter(schedule_run=run).values_list("target_tag", flat=True)
        self.begun = {tag: known.get(tag, {"tag": tag, "result": "moved"}) for tag in tags}
        run.position = run.checked = run.new = run.moved = run.unchanged = run.failed = 0
        run.items = []

    def go(self) -> None:
        """Compare the tags and begin the imports that are due.

        :raises OciError: of the source or target as a whole.
        :raises LeaseLost:
        """
        run = self.run
        with opened(run.schedule) as comparison:
            if run.todo is None:
                run.todo = self._tags(comparison)
                self.lease.write(todo=run.todo)
            while following := self._following(run.todo):
                self._step(comparison, following)
                if shutdown.requested() or self._is_over():
                    self._go_on_later()
                    return
            if self.rules.all_exact:
                upstream.look_around(run, comparison.reference, lambda: self._listed(comparison))
            self.finish(None if run.checked else _nothing(comparison))

    def _following(self, todo: Sequence[str]) -> Sequence[str]:
        """The tags to look at next; none where all are done, or as many of the newest as are wanted."""
        end = len(todo)
        if self.run.schedule.newest is not None:
            # In the place of one that is too young comes the next: else a source that moves fast never had one.
            named = set(self.rules.exact)
            young = [item for item in self.run.items if item["result"] == "waiting"]
            young_ones = sum(item["tag"] not in named for item in young)
            end = min(end, len(named) + self.run.schedule.newest + young_ones)
        return todo[self.run.position : min(end, self.run.position + CHUNK)]

    def _is_over(self) -> bool:
        """Whether its turn has ended, and another's run waits. If none does, the next turn is its own as well."""
        if time.monotonic() < self.turn_ends:
            return False
        self.turn_ends = time.monotonic() + TURN_SECONDS
        return turns.is_waited_for(self.run)

    def _go_on_later(self) -> None:
        """To the end of the line: free, since now. It was not lost, so this was no try."""
        log.info("schedule.turn_over", position=self.run.position, tags=len(self.run.todo or ()))
        turns.note(self.run)
        self.lease.write(lease_owner="", lease_expires_at=timezone.now(), tries=F("tries") - 1)

    def _step(self, comparison: Comparison, tags: Sequence[str]) -> None:
        """Look at some tags, as many as the turn allows but one at least, and begin what is due.

        :raises OciError: of the source or target as a whole; what was found before it is kept.
        """
        found: list[TagState | NotCompared | str] = []
        whole: OciError | None = None
        for tag in tags:
            if tag in self.begun:
                found.append(tag)
                continue
            looked = compare(comparison, tag)
            if isinstance(looked, NotCompared) and looked.error.code in _WHOLE:
                whole = looked.error
                break
            found.append(looked)
            if shutdown.requested() or time.monotonic() >= self.turn_ends:
                break
        self._take(comparison, found)
        if whole is not None:
            raise whole

    def finish(self, error: OciError | None = None) -> None:
        error_parts = of_error(error) if error else {}
        self.lease.write(
            **self._columns(),
            checked_at=timezone.now(),
            lease_owner="",
            lease_expires_at=None,
            todo=None,
            error_code=error.code if error else "",
            error=english(error_parts) if error else "",
            error_parts=error_parts,
        )
        groups.settle_run(self.run.pk)

    def _tags(self, comparison: Comparison) -> list[str]:
        """The tags to look at, each once.

        :raises OciError: the list can't be had; ``stalled`` where it takes too long.
        """
        rules = self.rules
        named = rules.exact if rules.include else [comparison.reference.tag or DEFAULT_TAG]
        if rules.all_exact:
            return named
        names = set(named)
        schedule = self.run.schedule
        seen = upstream.Upstream(rules, upstream.held_tags(schedule, comparison.reference))
        tags: dict[str, None] = {}
        for tag in self._listed(comparison):
            seen.see(tag)
            if rules.wants(tag):
                tags[tag] = None
        found = [tag for tag in tags if tag not in names]
        upstream.tell(schedule, gone=seen.gone, newer=seen.newer)
        if schedule.newest is not None:
            found.sort(key=semver.newest_last, reverse=True)
        return named + found

    def _listed(self, comparison: Comparison) -> Iterator[str]:
        """Tags at the source.

        :raises OciError: as :meth:`_tags`.
        """
        ends = time.monotonic() + LISTING_SECONDS
        for count, tag in enumerate(comparison.source.list_tags()):
            if count % 1000 == 999:
                self.lease.write()
            if time.monotonic() > ends:
                raise OciError("stalled", _LISTING, host=comparison.source.host, seconds=int(LISTING_SECONDS))
            if valid_tag(tag):
                yield tag

    def _take(self, comparison: Comparison, found: Sequence[TagState | NotCompared | str]) -> None:
        """Count what was found and begin its imports, together with the numbers that say so.

        :param found: a text is a tag whose import was begun before.
        """
        run = self.run
        with transaction.atomic():
            run.checked += len(found)
            run.position += len(found)
            for each in found:
                if isinstance(each, str):
                    self._note(self.begun[each])
                elif isinstance(each, NotCompared):
                    failed = Import(error=of_error(each.error), code=each.error.code)
                    self._note_import(failed, each.tag, digest="", was=None)
                else:
                    self._note_found(comparison, each)
                    run.pulls += each.pulled
            self.lease.write(**self._columns())

    def _note_found(self, comparison: Comparison, found: TagState) -> None:
        if found.standing is Standing.UNCHANGED:
            self.run.unchanged += 1
            return
        if found.standing is Standing.CLEANED:
            self.run.unchanged += 1
            self._note({"tag": found.tag, "digest": found.digest, "was": None, "result": "cleaned"})
            return
        if found.standing is Standing.YOUNG:
            self.run.unchanged += 1
            until = found.until.isoformat() if found.until else None
            self._note(
                {
                    "tag": found.tag,
                    "digest": found.digest,
                    "was": found.target_digest,
                    "result": "waiting",
                    "until": until,
                }
            )
            return
        made = begin_import(self.run, comparison.reference, found.tag)
        self._note_import(made, found.tag, digest=found.digest, was=found.target_digest)

    def _note_import(self, made: Import, tag: str, *, digest: str, was: str | None) -> None:
        self._note(
            {
                "tag": tag,
                "digest": digest,
                "was": was,
                "result": made.result or ("new" if was is None else "moved"),
                "task": made.task,
                "code": made.code,
                "error": made.error,
            }
        )

    def _note(self, item: dict[str, Any]) -> None:
        result = item["result"]
        if result in ("new", "moved", "failed"):
            setattr(self.run, result, getattr(self.run, result) + 1)
        if len(self.run.items) < MAX_ITEMS:
            self.run.items.append(item)

    def _columns(self) -> dict[str, Any]:
        names = ("position", "checked", "new", "moved", "unchanged", "failed", "pulls", "items")
        return {name: getattr(self.run, name) for name in names}


def _settle_error(run: ScheduleRun, lease: RunLease, error: OciError) -> None:
    """Wait for a rate limit to pass, else end the run with what it has done so far."""
    log.warning("schedule.run_failed", code=error.code, error=str(error))
    error_parts = of_error(error)
    now = timezone.now()
    try:
        if error.code == "rate_limited" and error.retry_after and _may_wait(run, error.retry_after, now):
            lease.write(
                lease_owner="",
                lease_expires_at=now + dt.timedelta(seconds=error.retry_after),
                tries=F("tries") - 1,
                error_code=error.code,
                error=english(error_parts),
                error_parts=error_parts,
            )
            return
        with transaction.atomic():
            upstream.tell_error(run.schedule, error)
            lease.write(
                checked_at=now,
                lease_owner="",
                lease_expires_at=None,
                todo=None,
                failed=F("failed") + 1,
                error_code=error.code,
                error=english(error_parts),
                error_parts=error_parts,
            )
    except LeaseLost:
        log.warning("schedule.lease_lost_here")
        return
    groups.settle_run(run.pk)


def _nothing(comparison: Comparison) -> OciError:
    """Nothing follows from an empty list but this sentence."""
    template = gettext_noop("No tag of %(repository)s matches the rules.")
    return OciError(
        "not_found", template, repository=f"{comparison.reference.registry}/{comparison.reference.repository}"
    )


def _may_wait(run: ScheduleRun, seconds: float, now: dt.datetime) -> bool:
    return now + dt.timedelta(seconds=seconds) - run.started_at <= MAX_WAIT_SECONDS
