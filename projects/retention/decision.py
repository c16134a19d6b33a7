"""Which tags go and which stay, and why: a pure function of rows. The dry run is this, and the run is this."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_noop

from oci.copy.referrers import is_attached
from oci.errors import Note
from projects.tags import semver
from projects.tags.globs import fits
from projects.tags.tag_rules import TagRules

NOT_SELECTED: Final = gettext_noop("No rule matches this tag.")
_NEWEST: Final = gettext_noop("One of the newest %(count)d in its repository.")
_PULLED: Final = gettext_noop("Pulled in the last %(days)d days.")
_SET: Final = gettext_noop("Updated in the last %(days)d days.")
_ATTACHED: Final = gettext_noop("A signature, attestation or SBOM stays until its image is gone.")
_GOES: Final = gettext_noop("No rule keeps it: last updated %(set)s, last pulled %(pulled)s.")
_GOES_UNPULLED: Final = gettext_noop("No rule keeps it: last updated %(set)s, never pulled.")


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag as its row says. ``set_at``: when it was last set; ``pulled_at``: None where it never was pulled."""

    id: UUID
    repository: str
    tag: str
    digest: str
    set_at: dt.datetime
    pulled_at: dt.datetime | None = None
    #: Digests of the images of an index.
    children: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class Rule:
    """Selects tags, and says which of them stay; at least one of the ``keep_…`` is given.

    :param repositories: globs; empty: all.
    :param tags: as :class:`TagRules`; empty: all.
    :param by_version: the newest are the highest versions, then what names no version, by time.
    """

    repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    keep_newest: int | None = None
    keep_pulled_days: int | None = None
    keep_pushed_days: int | None = None
    by_version: bool = False
    #: Of its row.
    id: UUID | None = None

    def selects(self, tag: Tag) -> bool:
        """Whether the rule says anything about the tag."""
        return self._has_repository(tag.repository) and (not self.tags or self._rules.wants(tag.tag))

    def _has_repository(self, name: str) -> bool:
        return not self.repositories or any(fits(text, name) for text in self.repositories)

    @cached_property
    def _rules(self) -> TagRules:
        return TagRules(self.tags)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a tag, and why (a sentence's template and values)."""

    tag: Tag
    keep: bool
    why: Note
    #: The rules that are about it.
    rules: tuple[UUID, ...] = ()


def decide(
    tags: Iterable[Tag],
    rules: Sequence[Rule],
    *,
    held: Callable[[Tag], Note | None],
    now: dt.datetime,
) -> list[Verdict]:
    """A verdict on each tag, in the order given.

    A tag that no rule selects stays, and so does one that any of the rules that select it keeps, or that ``held`` has a
    reason for. What is attached to an image is no image: it counts for no rule and stays, and a collection of garbage
    takes it with its image.
    """
    judged = list(tags)
    rows = [tag for tag in judged if not is_attached(tag.tag, tag.digest)]
    images = {tag.id for tag in rows}
    kept: dict[UUID, Note] = {}
    selected: dict[UUID, tuple[UUID, ...]] = {}
    for rule in rules:
        mine = [tag for tag in rows if rule.selects(tag)]
        ids = (rule.id,) if rule.id else ()
        for tag in mine:
            selected[tag.id] = selected.get(tag.id, ()) + ids
        for tag_id, why in _kept_by(rule, mine, now):
            kept.setdefault(tag_id, why)
    for tag in judged:
        if tag.id not in images:
            kept[tag.id] = (_ATTACHED, {})
    return [_verdict(tag, held(tag) or kept.get(tag.id), selected.get(tag.id)) for tag in judged]


def _verdict(tag: Tag, kept: Note | None, rules: tuple[UUID, ...] | None) -> Verdict:
    """What becomes of a tag, and why.

    :param rules: those that select it; None: none does.
    """
    if kept is not None:
        return Verdict(tag, True, kept, rules or ())
    if rules is None:
        return Verdict(tag, True, (NOT_SELECTED, {}))
    last_set = f"{tag.set_at:%Y-%m-%d}"
    if tag.pulled_at is None:
        return Verdict(tag, False, (_GOES_UNPULLED, {"set": last_set}), rules)
    return Verdict(tag, False, (_GOES, {"set": last_set, "pulled": f"{tag.pulled_at:%Y-%m-%d}"}), rules)


def _kept_by(rule: Rule, tags: Sequence[Tag], now: dt.datetime) -> Iterable[tuple[UUID, Note]]:
    if rule.keep_newest is not None:
        for tag in _newest(tags, rule.keep_newest, rule.by_version):
            yield tag.id, (_NEWEST, {"count": rule.keep_newest})
    if rule.keep_pulled_days is not None:
        since = now - dt.timedelta(days=rule.keep_pulled_days)
        pulled = [tag for tag in tags if tag.pulled_at is not None and tag.pulled_at >= since]
        yield from ((tag.id, (_PULLED, {"days": rule.keep_pulled_days})) for tag in pulled)
    if rule.keep_pushed_days is not None:
        since = now - dt.timedelta(days=rule.keep_pushed_days)
        lately = [tag for tag in tags if tag.set_at >= since]
        yield from ((tag.id, (_SET, {"days": rule.keep_pushed_days})) for tag in lately)


def _newest(tags: Sequence[Tag], count: int, by_version: bool) -> Iterable[Tag]:
    """The first ``count`` of each repository."""
    by_repository: dict[str, list[Tag]] = {}
    for tag in tags:
        by_repository.setdefault(tag.repository, []).append(tag)
    for rows in by_repository.values():
        rows.sort(key=_version_order if by_version else _time_order, reverse=True)
        yield from rows[:count]


def _time_order(tag: Tag) -> tuple[dt.datetime, str]:
    return tag.set_at, str(tag.id)


def _version_order(tag: Tag) -> tuple[bool, object, dt.datetime, str]:
    version = semver.parse_version(tag.tag)
    return version is not None, version.key if version else (), tag.set_at, str(tag.id)
