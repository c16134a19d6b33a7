"""The one function that decides what may come in. Pure: rules and facts in, a decision out.

Rules of the installation are asked first, then those of the project; within each the first that fits decides. The
stricter of the two counts: refuse before approve before allow. What the rules that decide require has to hold besides,
else the image is refused. Of an image with two names, the stricter decision counts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from uuid import UUID

from django.utils.translation import gettext_noop

from imageimport.choices import Action
from imageimport.policy.globs import matcher
from oci.contents.vulnerabilities import exceeds
from oci.errors import Note, OciError
from oci.spec.platform import Platform
from oci.spec.selection import is_wanted

Owner = Literal["installation", "project"]

_STRICTNESS: Final = {Action.ALLOW: 0, Action.APPROVE: 1, Action.REFUSE: 2}

UNREADABLE: Final = gettext_noop(
    "The rules can't be read, so nothing can be imported. Ask the administrator to check them."
)
_REFUSED: Final = {
    (True, True): gettext_noop("The rule “%(rule)s” refuses this image: %(message)s"),
    (True, False): gettext_noop("The rule “%(rule)s” refuses this image."),
    (False, False): gettext_noop(
        "This project accepts only images that a rule allows, and no rule allows this one."
    ),
}
_APPROVE: Final = {
    (True, True): gettext_noop("The rule “%(rule)s” asks for approval: %(message)s"),
    (True, False): gettext_noop("The rule “%(rule)s” asks for approval."),
    (False, False): gettext_noop("This project asks for approval of each image."),
}
_TOO_LARGE: Final = gettext_noop(
    "The rule “%(rule)s” accepts images of up to %(limit)d bytes. This one has %(size)d."
)
_SIZE_UNKNOWN: Final = gettext_noop(
    "The rule “%(rule)s” accepts images of up to %(limit)d bytes. The size of this one is not known."
)
_TOO_YOUNG: Final = gettext_noop(
    "The rule “%(rule)s” accepts images that are at least %(days)d days old. This one was created on %(created)s."
)
_AGE_UNKNOWN: Final = gettext_noop(
    "The rule “%(rule)s” accepts images that are at least %(days)d days old. This one doesn't say when it was created."
)
_NEW_HERE: Final = gettext_noop(
    "The rule “%(rule)s” accepts images that this portal has known for at least %(days)d days. It first saw this one "
    "on %(seen)s."
)
_NEVER_SEEN: Final = gettext_noop(
    "The rule “%(rule)s” accepts images that this portal has known for at least %(days)d days. It has not seen this "
    "one yet."
)
_PLATFORM: Final = gettext_noop(
    "The rule “%(rule)s” accepts only images for %(allowed)s, not for %(platform)s."
)
_PLATFORM_UNKNOWN: Final = gettext_noop(
    "The rule “%(rule)s” accepts only images for %(allowed)s. This image declares no platform."
)
_UNSIGNED: Final = gettext_noop("The rule “%(rule)s” accepts only images with a trusted signature.")
_VULNERABLE: Final = gettext_noop(
    "The worst vulnerability that the rule “%(rule)s” accepts is %(limit)s. This image has one that is %(severity)s."
)
_NOT_SCANNED: Final = gettext_noop(
    "The rule “%(rule)s” accepts only scanned images. Scan this one first, in this project or in the one it is "
    "copied from."
)
_NOT_UNDERSTOOD: Final = gettext_noop(
    "The rule “%(rule)s” requires %(what)s, which this version of the portal can't check."
)


@dataclass(frozen=True, slots=True)
class Requirements:
    """What has to hold besides. Absent where nothing is asked.

    :param min_seen_days: since the portal first saw the tag name this digest.
    :param signed_by: any one of these trust anchors.
    :param max_severity: the worst vulnerability that it may have, by a finished scan of its digest.
    :param unknown: names that this version does not know: never met.
    """

    max_bytes: int | None = None
    min_age_days: int | None = None
    min_seen_days: int | None = None
    platforms: tuple[str, ...] = ()
    signed_by: frozenset[UUID] = frozenset()
    max_severity: str | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to be asked. Empty lists of patterns fit everything."""

    id: UUID | None
    name: str
    of: Owner
    action: Action
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    requires: Requirements = Requirements()
    message: str = ""
    _fits_source: Callable[[str], object] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lowered = tuple(pattern.lower() for pattern in self.sources)
        object.__setattr__(self, "_fits_source", matcher(lowered) if lowered else None)

    def fits(self, source: str, tag: str | None) -> bool:
        """Whether the rule is for an image of this source and tag.

        :param tag: None for an image by its digest alone, which only ``*`` fits.
        """
        if self._fits_source is not None and self._fits_source(source) is None:
            return False
        if self.tags and not _fits_tag(self.tags, tag):
            return False
        return not (self.exclude_tags and _fits_tag(self.exclude_tags, tag))


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules that count for a project, in order.

    :param default: where no rule of the project fits.
    :param readable: whether all of them could be understood. If not, nothing may come in.
    """

    installation: Sequence[Rule] = ()
    project: Sequence[Rule] = ()
    default: Action = Action.ALLOW
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an image that is to come in. None: not known.

    :param source: registry and repository in their one form, ``docker.io/library/nginx``.
    :param tag: None where it is named by its digest alone.
    :param also: another source and tag by which it is judged as well. What a file says of where its images come from
        was written by the person who made it; that they come from a file is certain.
    :param chosen: platforms that the request names; empty for all.
    :param bytes_total: of all its blobs.
    :param platforms: of each image that is taken; an empty text for one that names none.
    :param created: when each image that is taken was made; None for one that does not say.
    :param first_seen: when the portal first saw the tag name this digest.
    :param proved: sets of trust anchors that prove the whole image, each with all its members: one alone, or several
        that signed different images of an index. Empty where none does.
    :param severity: the worst that a scanner found in it; empty: nothing.
    :param whole: nothing more will be known. What is not known then is not met.
    """

    source: str
    tag: str | None
    also: tuple[str, str | None] | None = None
    chosen: tuple[str, ...] = ()
    bytes_total: int | None = None
    platforms: tuple[str, ...] | None = None
    created: tuple[dt.datetime | None, ...] | None = None
    first_seen: dt.datetime | None = None
    proved: frozenset[frozenset[UUID]] | None = None
    severity: str | None = None
    whole: bool = False

    @property
    def by_name(self) -> tuple[Facts, ...]:
        """The same under each of its names."""
        if self.also is None:
            return (self,)
        source, tag = self.also
        return self, replace(self, source=source, tag=tag, also=None)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, by which rule, and what it says.

    :param rule: None where the project's default decides.
    :param unmet: of a refusal: the requirement that does not hold, as a sentence.
    """

    action: Action
    rule: Rule | None = None
    unmet: Note | None = None

    @property
    def note(self) -> Note:
        """Why it is refused or needs approval: a sentence's template and its values."""
        if self.unmet is not None:
            return self.unmet
        message = self.rule.message if self.rule else ""
        params = {"rule": self.rule.name} if self.rule else {}
        if message:
            params["message"] = message
        sentences = _REFUSED if self.action == Action.REFUSE else _APPROVE
        return sentences[self.rule is not None, bool(message)], params

    @property
    def error(self) -> OciError:
        """The decision as the fault (``refused_by_rule``) that ends an import."""
        template, params = self.note
        error = OciError("refused_by_rule", template)
        error.params.update(params)
        return error


def decide(rules: RuleSet, facts: Facts, *, now: dt.datetime) -> Decision:
    """What becomes of an image, by the stricter of its names. Never raises: what can't be judged is refused."""
    decisions = [_decide(rules, each, now) for each in facts.by_name]
    return max(decisions, key=lambda each: _STRICTNESS[each.action])


def _decide(rules: RuleSet, facts: Facts, now: dt.datetime) -> Decision:
    """By one name."""
    if not rules.readable:
        return Decision(Action.REFUSE, unmet=(UNREADABLE, {}))
    first = _first(rules.installation, facts)
    second = _first(rules.project, facts)
    decision = _stricter(first, second, rules.default)
    if decision.action == Action.REFUSE:
        return decision
    for rule in filter(None, (first, second)):
        unmet = _unmet(rule, facts, now)
        if unmet is not None:
            template, params = unmet
            return Decision(Action.REFUSE, rule, (template, {"rule": rule.name, **params}))
    return decision


def requirements_on(rules: RuleSet, facts: Facts) -> tuple[Requirements, ...]:
    """What the rules that decide require: some of it costs a question to learn."""
    deciding = [_first(some, each) for each in facts.by_name for some in (rules.installation, rules.project)]
    return tuple(rule.requires for rule in filter(None, deciding))


def _first(rules: Iterable[Rule], facts: Facts) -> Rule | None:
    source, tag = facts.source, facts.tag
    return next((rule for rule in rules if rule.fits(source, tag)), None)


def _stricter(first: Rule | None, second: Rule | None, default: Action) -> Decision:
    """The stricter of what two rules say.

    :param first: of the installation. Its refusal stands; an ``allow`` of it lets the project decide.
    """
    of_project = Decision(second.action if second else default, second)
    if first is None or _STRICTNESS[of_project.action] > _STRICTNESS[first.action]:
        return of_project
    if first.action == Action.ALLOW and second is not None:
        return of_project
    return Decision(first.action, first)


def _fits_tag(patterns: tuple[str, ...], tag: str | None) -> bool:
    if tag is None:
        return any(pattern.strip("*") == "" for pattern in patterns)
    return matcher(patterns)(tag) is not None


def _unmet(rule: Rule, facts: Facts, now: dt.datetime) -> Note | None:
    """The first requirement that does not hold; what is not known yet is left for later."""
    requires = rule.requires
    if requires.unknown:
        return _NOT_UNDERSTOOD, {"what": ", ".join(requires.unknown)}
    return (
        _unmet_size(requires.max_bytes, facts)
        or _unmet_platforms(requires.platforms, facts)
        or _unmet_age(requires.min_age_days, facts, now)
        or _unmet_sight(requires.min_seen_days, facts, now)
        or _unmet_signature(requires.signed_by, facts)
        or _unmet_severity(requires.max_severity, facts)
    )


def _unmet_size(limit: int | None, facts: Facts) -> Note | None:
    if limit is None:
        return None
    if facts.bytes_total is None:
        return (_SIZE_UNKNOWN, {"limit": limit}) if facts.whole else None
    if facts.bytes_total <= limit:
        return None
    return _TOO_LARGE, {"limit": limit, "size": facts.bytes_total}


def _unmet_platforms(allowed: tuple[str, ...], facts: Facts) -> Note | None:
    if not allowed:
        return None
    values = {"allowed": ", ".join(allowed)}
    wanted = [Platform.parse(text) for text in allowed]
    for text in filter(None, (*facts.chosen, *(facts.platforms or ()))):
        if not _is_one_of(text, wanted):
            return _PLATFORM, {**values, "platform": text}
    if facts.platforms is None and not facts.whole:
        return None
    return None if facts.platforms and all(facts.platforms) else (_PLATFORM_UNKNOWN, values)


def _is_one_of(text: str, wanted: Sequence[Platform]) -> bool:
    try:
        return is_wanted(Platform.parse(text), wanted)
    except OciError:
        return False  # What an image says of itself may be anything.


def _unmet_age(days: int | None, facts: Facts, now: dt.datetime) -> Note | None:
    if days is None or (facts.created is None and not facts.whole):
        return None
    if not facts.created or None in facts.created:
        return _AGE_UNKNOWN, {"days": days}
    youngest = max(moment for moment in facts.created if moment is not None)
    if youngest <= now and (now - youngest) >= dt.timedelta(days=days):
        return None
    return _TOO_YOUNG, {"days": days, "created": youngest.isoformat(" ", "minutes")}


def _unmet_sight(days: int | None, facts: Facts, now: dt.datetime) -> Note | None:
    if days is None or (facts.first_seen is None and not facts.whole):
        return None
    if facts.first_seen is None:
        return _NEVER_SEEN, {"days": days}
    if now - facts.first_seen >= dt.timedelta(days=days):
        return None
    return _NEW_HERE, {"days": days, "seen": facts.first_seen.isoformat(" ", "minutes")}


def _unmet_signature(trusted: frozenset[UUID], facts: Facts) -> Note | None:
    if not trusted or (facts.proved is None and not facts.whole):
        return None
    return None if any(each <= trusted for each in facts.proved or ()) else (_UNSIGNED, {})


def _unmet_severity(most: str | None, facts: Facts) -> Note | None:
    if most is None or (facts.severity is None and not facts.whole):
        return None
    if facts.severity is None:
        return _NOT_SCANNED, {}
    if not facts.severity or not exceeds(facts.severity, most):
        return None
    return _VULNERABLE, {"limit": most, "severity": facts.severity}
