"""Rules as they stand in the database, and what they say of an import: when it is asked for, and again by the worker.

What can't be read is closed: a rule that this release does not understand refuses everything that it might fit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from imageimport.choices import Action
from imageimport.models import ImportTask, PolicyRule
from imageimport.policy.decision import (
    Decision,
    Facts,
    Owner,
    Requirements,
    Rule,
    RuleSet,
    decide,
    requirements_on,
)
from imageimport.policy.sights import arrivals, first_sight
from imageimport.policy.standing import standing_of
from imageimport.registries import clients
from imageimport.registries.names import registry_name
from oci.contents.vulnerabilities import SEVERITIES
from oci.copy.candidate import Candidate
from oci.errors import OciError
from oci.layout import url as bundle_url
from oci.reference.parser import DOCKER_HUB, Reference, parse_reference
from oci.spec.platform import Platform
from projects.models import Project
from projects.scanning.selectors import severity_of

log = structlog.get_logger(__name__)

_OUTDATED: Final = gettext_noop(
    "The tag moved after the import was approved: it now points to %(found)s, but %(approved)s was approved."
)
_NOT_APPROVED: Final = gettext_noop(
    "The rules changed after this import was requested, and it needs approval now. Retry it to ask for approval."
)


class BadRule(ValueError):
    """A row that this release does not understand."""


def rules_for(project: Project) -> RuleSet:
    """All rules that count for a project now, by one query."""
    return rule_set(_enabled_for(project.pk), project.default_action)


def _enabled_for(project: UUID) -> QuerySet[PolicyRule]:
    return PolicyRule.objects.filter(Q(project=None) | Q(project=project), enabled=True)


def rule_set(rows: Iterable[PolicyRule], default: str) -> RuleSet:
    """Rows in order, as the decision takes them."""
    found: dict[str, list[Rule]] = {"installation": [], "project": []}
    try:
        for row in rows:
            found[row.of].append(as_rule(row))
        return RuleSet(tuple(found["installation"]), tuple(found["project"]), Action(default))
    except ValueError:
        log.exception("policy.unreadable")
        return RuleSet(readable=False)


def as_rule(row: PolicyRule) -> Rule:
    """The row as the pure decision takes it.

    :raises BadRule: it can't be told what the row means.
    """
    owner: Owner = "project" if row.project_id else "installation"
    return Rule(
        id=row.pk,
        name=row.name,
        of=owner,
        action=Action(row.action),
        sources=tuple(map(source_pattern, _texts(row.sources))),
        tags=_texts(row.tags),
        exclude_tags=_texts(row.exclude_tags),
        requires=_requirements(row.requires),
        message=row.message,
    )


def unreadable(row: PolicyRule) -> tuple[str, ...]:
    """The fields that :func:`as_rule` can't tell the meaning of; empty where it reads the row."""
    return tuple(name for name, read in _READERS.items() if not _is_read(read, getattr(row, name)))


def source_name(reference: Reference) -> str:
    """What patterns of sources meet: registry and repository in one form, whatever name or port was typed.

    The portal's own registry has its public name.
    """
    if clients.is_own(reference):
        return f"{settings.REGISTRY_PUBLIC_HOST}/{reference.repository}".lower()
    registry = registry_name(reference.registry)
    repository = reference.lower_repository
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return f"{registry}/{repository}"


@lru_cache(maxsize=20_000)
def source_pattern(pattern: str) -> str:
    """A pattern with the registry in its one name, as images are named when they are judged; whatever has a star in its
    registry stays.
    """
    registry, slash, rest = pattern.lower().partition("/")
    if not slash or any(sign in registry for sign in "*?"):
        return pattern.lower()
    try:
        return f"{registry_name(registry)}/{rest}"
    except OciError:
        return pattern.lower()


def facts_of(task: ImportTask) -> Facts:
    """What is known of an import before anyone is asked. An image of an uploaded file has the source that the file
    names, and is ``bundle/<name>`` besides.
    """
    source, tag = named(task.source_image or task.image_url)
    own = named(task.image_url) if task.image_url.startswith(f"{bundle_url.BUNDLE}:") else (source, tag)
    also = own if own != (source, tag) else None
    return Facts(source=source, tag=tag, also=also, chosen=tuple(task.platforms))


def named(text: str) -> tuple[str, str | None]:
    """Source and tag by a full reference; an image of an uploaded file is ``bundle/<name>``."""
    try:
        if text.startswith(f"{bundle_url.BUNDLE}:"):
            found = bundle_url.parse(text)
            return f"{found.registry}/{found.repository}", found.tag
        reference = parse_reference(text)
        return source_name(reference), reference.tag
    except OciError:
        # Written by hand: then the text is the name, and only what fits everything fits it.
        return text.lower(), None


def named_digest(task: ImportTask) -> str:
    """The digest that the source's reference names by itself; empty where it names a tag only."""
    return task.source_image.partition("@")[2]


@dataclass(frozen=True, slots=True)
class Asked:
    """Rules and what they say, for a caller that judges several imports at once."""

    rules: RuleSet
    now: dt.datetime

    def judge(self, task: ImportTask) -> Decision:
        """What the rules say about an import, from what its row knows."""
        return decide(self.rules, facts_of(task), now=self.now)


def ask(project: Project) -> Asked:
    """The rules that hold for a project's imports now."""
    return Asked(rules_for(project), timezone.now())


def refusal(decision: Decision) -> ApplicationError:
    """As the API and pages say it: 403 with the rule."""
    template, params = decision.note
    error = ApplicationError("refused_by_rule", template, facts={"rule": shown_rule(decision.rule)})
    error.params.update(params)
    return error


def shown_rule(rule: Rule | None) -> dict[str, str] | None:
    """A rule as answers name it; null where the project's default decides."""
    return {"id": str(rule.id), "name": rule.name, "of": rule.of} if rule is not None else None


class Judgement:
    """What the rules say of one attempt: before its first blob moves, and again right before the tag is put."""

    def __init__(
        self, task: ImportTask, proved: Callable[[], frozenset[frozenset[UUID]] | None] = lambda: None
    ) -> None:
        """:param proved: as of :class:`Facts`, once it is known, by those who are trusted when it is asked."""
        self._task = task
        self._proved = proved
        self._facts = facts_of(task)
        self._digest = ""
        self._committing = False

    def before_transfer(self, candidate: Candidate) -> None:
        """Judge the image once its manifests are read, before any layer moves.

        :raises OciError: ``refused_by_rule`` or ``approval_outdated``: nothing of it may come in.
        """
        rules, approved = self._now()
        known = replace(self._facts, proved=self._proved())
        self._facts = learn(rules, known, candidate, self._task.project)
        self._digest = candidate.digest
        self._check(rules, approved)

    def before_commit(self) -> None:
        """By the rules and the trusted signers as they are now. What began to commit is carried through, so only the
        first question counts.

        :raises OciError: as :meth:`before_transfer`.
        """
        if not self._committing:
            rules, approved = self._now()
            if self._facts.proved is not None:  # Someone may have been deleted while the layers moved.
                self._facts = replace(self._facts, proved=self._proved())
            self._check(rules, approved)
        self._committing = True

    def _now(self) -> tuple[RuleSet, str | None]:
        """The rules, and the digest that was approved (None: none was), as they stand at this moment."""
        found = standing_of(self._task)
        if found is None:
            return rules_for(self._task.project), None
        rows = _enabled_for(self._task.project_id) if found.has_rules else ()
        return rule_set(rows, found.default), found.approved

    def _check(self, rules: RuleSet, approved: str | None) -> None:
        """By what is known now; a rule that asks for more than was looked at is not met."""
        decision = decide(rules, replace(self._facts, whole=True), now=timezone.now())
        if decision.action == Action.REFUSE:
            raise decision.error
        if approved is not None and approved != self._digest:
            raise OciError("approval_outdated", _OUTDATED, found=self._digest, approved=approved)
        if approved is None and decision.action == Action.APPROVE:
            raise OciError("refused_by_rule", _NOT_APPROVED)


def learn(
    rules: RuleSet, facts: Facts, candidate: Candidate, project: Project, digests: Collection[str] = ()
) -> Facts:
    """``facts`` with what the rules that decide ask for; what they don't is not looked at.

    :param project: where the image is to go.
    :param digests: that the tag had at its source, where ``candidate`` is what was made of it.

    :raises OciError: the registry fails.
    """
    known = replace(facts, bytes_total=candidate.bytes_total)
    required = requirements_on(rules, known)
    if any(each.platforms for each in required):
        known = replace(known, platforms=candidate.platforms())
    if any(each.min_age_days is not None for each in required):
        known = replace(known, created=candidate.created())
    if any(each.max_severity is not None for each in required):
        known = replace(known, severity=severity_of(project, facts.source, candidate.digest))
    return sighted(rules, known, project, digests or (candidate.digest,))


def sighted(rules: RuleSet, facts: Facts, project: Project, digests: Collection[str]) -> Facts:
    """``facts`` with when the tag was first seen to name one of ``digests``, where a rule that decides asks. That it
    was seen now is written down then.
    """
    if not any(each.min_seen_days is not None for each in requirements_on(rules, facts)):
        return facts
    seen = [first_sight(facts.source, facts.tag, digest) for digest in digests]
    seen += [at for image, at in arrivals(project, digests) if named(image) == (facts.source, facts.tag)]
    return replace(facts, first_seen=min(seen))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadRule(f"{value!r} is no list of patterns")
    return tuple(value)


def _requirements(value: object) -> Requirements:
    if not isinstance(value, dict):
        raise BadRule(f"{value!r} are no requirements")
    known = {name: each for name, each in value.items() if each not in (None, [], "")}
    platforms = _texts(known.pop("platforms", []))
    for text in platforms:
        _platform(text)
    return Requirements(
        max_bytes=_number(known.pop("max_bytes", None)),
        min_age_days=_number(known.pop("min_age_days", None)),
        min_seen_days=_number(known.pop("min_seen_days", None)),
        platforms=platforms,
        signed_by=frozenset(map(UUID, _texts(known.pop("signed_by", [])))),
        max_severity=_severity(known.pop("max_severity", None)),
        unknown=tuple(sorted(known)),
    )


def _severity(value: object) -> str | None:
    if value is None or value in SEVERITIES:
        return value
    raise BadRule(f"{value!r} is no severity")


def _platform(text: str) -> None:
    try:
        Platform.parse(text)
    except OciError as exc:
        raise BadRule(f"{text!r} is no platform") from exc


def _number(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRule(f"{value!r} is no amount")
    return value


#: What reads a field of a rule, and raises ValueError where it can't.
_READERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "sources": _texts,
    "tags": _texts,
    "exclude_tags": _texts,
    "action": Action,
    "requires": _requirements,
}


def _is_read(read: Callable[[object], object], value: object) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True
