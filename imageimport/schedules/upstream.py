"""What a source says besides: which tags are gone there, or all of them with their repository, and whether a newer
version is there than those that a schedule follows. Notices: nothing is deleted or imported for them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog
from django.db import transaction

from imageimport.choices import WebhookEvent
from imageimport.models import Schedule, ScheduleRun
from imageimport.schedules.work import validated
from imageimport.submission.requests import default_target_name
from imageimport.webhooks import outbox, payloads
from oci.errors import OciError
from oci.reference.parser import DEFAULT_TAG, Reference
from projects.models import Image
from projects.tags import semver
from projects.tags.tag_rules import TagRules

log = structlog.get_logger(__name__)

#: Tags that a notice names.
MAX_GONE: Final = 1000
#: What registries say to strangers of what is not there, as of what is private.
_HIDDEN: Final = frozenset({"unauthorized", "forbidden"})


class Upstream:
    """Sees each tag of a list once."""

    def __init__(self, rules: TagRules, held: Iterable[str]) -> None:
        """:param held: tags that are here and came from this source by these rules."""
        self._rules = rules
        self._missing = set(held)
        self._newest: tuple[semver.Version, str] | None = None
        named = _versions(rules)
        self._followed = max(named.values(), key=lambda version: version.key, default=None)
        #: 1.27 moves from 1.27.0 to 1.27.1: that is no news.
        self._moving = [semver.parse_range(name) for name in named]

    def see(self, tag: str) -> None:
        self._missing.discard(tag)
        version = semver.parse_version(tag)
        # A pre-release, or a variant such as 1.28-alpine, is no newer version of what is followed.
        if version is None or version.pre or self._rules.leaves_out(tag):
            return
        if self._rules.wants(tag):
            if self._followed is None or version.key > self._followed.key:
                self._followed = version
            return
        is_newest = self._newest is None or version.key > self._newest[0].key
        if is_newest and not any(each.holds(version) for each in self._moving):
            self._newest = version, tag

    @property
    def gone(self) -> list[str]:
        """Tags that are here and not in the list."""
        return sorted(self._missing)[:MAX_GONE]

    @property
    def newer(self) -> str:
        """The tag with the highest version, where that is higher than all that are followed; else empty."""
        if self._newest is None or self._followed is None or self._newest[0].key <= self._followed.key:
            return ""
        return self._newest[1]


def followed(schedule: Schedule, source: Reference) -> TagRules:
    """The schedule's rules; where it has none, the tag of its image."""
    if not schedule.tags:
        return TagRules([source.tag or DEFAULT_TAG])
    return TagRules(schedule.tags, schedule.exclude_tags or [])


def held_tags(schedule: Schedule, source: Reference) -> set[str]:
    """Tags here that the schedule's rules want and that were imported from the source under the same tag."""
    rules = followed(schedule, source)
    name = schedule.target_name or default_target_name(schedule.project, source)
    rows = Image.objects.filter(project=schedule.project, repository=name).values_list("tag", "source_image")
    came_from = f"{source.name}:"
    return {
        tag
        for tag, source_image in rows
        if source_image.partition("@")[0] == f"{came_from}{tag}" and rules.wants(tag)
    }


def look_around(run: ScheduleRun, source: Reference, listed: Callable[[], Iterable[str]]) -> None:
    """What a list would have told where no rule needed one: which tags are gone; in a day's first run, what is newer.

    :param run: all its tags were compared.
    :param listed: asks the source for its tags.
    """
    schedule, rules = run.schedule, followed(run.schedule, source)
    held = held_tags(schedule, source)
    failed = {item["tag"]: item["code"] or "" for item in run.items if item["result"] == "failed"}
    gone = [tag for tag in sorted(held & failed.keys()) if _says_gone(schedule, failed[tag])]
    newer = schedule.newer
    if held and _versions(rules) and _is_first_of_its_day(run):
        seen = Upstream(rules, ())
        try:
            for tag in listed():
                seen.see(tag)
            newer = seen.newer
        # The tags themselves were compared; registries may list nothing to strangers.
        except OciError as exc:
            log.info("schedule.not_listed", code=exc.code, error=str(exc))
    tell(schedule, gone=gone, newer=newer)


def tell_error(schedule: Schedule, error: OciError) -> None:
    """Where what ended a run says that the repository is gone, so is all that came from it; in a transaction."""
    if _says_gone(schedule, error.code):
        gone = held_tags(schedule, validated(schedule).source)
        tell(schedule, gone=sorted(gone)[:MAX_GONE], newer=schedule.newer)


def tell(schedule: Schedule, *, gone: Sequence[str], newer: str) -> None:
    """Keep what the list said, and tell what is news; in the caller's transaction."""
    if list(gone) == schedule.gone and newer == schedule.newer:
        return
    news = [tag for tag in gone if tag not in set(schedule.gone)]
    is_newer = newer not in ("", schedule.newer)
    schedule.gone, schedule.newer = list(gone), newer
    with transaction.atomic():
        Schedule.objects.filter(pk=schedule.pk).update(gone=schedule.gone, newer=newer)
        if not news and not is_newer:
            return
        event = WebhookEvent.UPSTREAM_CHANGED
        outbox.enqueue(
            project_id=schedule.project_id,
            event=event,
            failed=bool(news),
            make=lambda: payloads.of_upstream(
                event.value, schedule, gone=news, newer=newer if is_newer else ""
            ),
        )


def _says_gone(schedule: Schedule, code: str) -> bool:
    """Whether an error of the source says of what was there that it is gone.

    With a credential a refusal may as well mean that the credential has ended.
    """
    return code == "not_found" or (code in _HIDDEN and schedule.credential_id is None)


def _is_first_of_its_day(run: ScheduleRun) -> bool:
    day = run.started_at.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    earlier = ScheduleRun.objects.filter(
        schedule=run.schedule_id, started_at__gte=day, started_at__lt=run.started_at
    )
    return not earlier.exists()


def _versions(rules: TagRules) -> dict[str, semver.Version]:
    """The versions that rules name, by their tags."""
    named = {name: semver.parse_version(name) for name in rules.exact}
    return {name: version for name, version in named.items() if version is not None and not version.pre}
