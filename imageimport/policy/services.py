"""Rules made, changed and taken away, of a project or of the installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.models import PolicyRule
from imageimport.policy.judging import source_pattern, unreadable
from oci.errors import OciError
from oci.spec.platform import Platform
from projects import audit
from projects.locking import locked
from projects.models import Project

#: More rules than this in one place are no list that a person keeps in order.
MAX_RULES: Final = 1000
MAX_PATTERNS: Final = 100
PATTERN_CHARS: Final = 400
#: ``requires`` in the words of the API.
REQUIREMENTS: Final = (
    "max_bytes", "min_age_days", "min_seen_days", "platforms", "signed_by", "max_severity",
)  # fmt: skip
_PATTERNS: Final = ("sources", "tags", "exclude_tags")
#: The largest there is; of equal ones the older comes first.
LAST_POSITION: Final = 100_000
_FIELDS: Final = ("position", "name", *_PATTERNS, "action", "requires", "message", "enabled")


def create(*, project: Project | None, user: User | None, **values: Any) -> PolicyRule:
    """Make a rule; at the end of the list where no ``position`` is given.

    :param project: None for the installation.
    :raises FieldErrors: on any field.
    :raises ApplicationError: ``too_many_rules``.
    """
    rule = PolicyRule(project=project, created_by=user)
    with transaction.atomic():
        if project is not None:
            locked(project)
        others = PolicyRule.objects.filter(project=project)
        if others.count() >= MAX_RULES:
            raise ApplicationError(
                "too_many_rules", gettext_noop("At most %(limit)s rules are allowed."), limit=MAX_RULES
            )
        last = others.order_by("-position").values_list("position", flat=True).first() or 0
        _fill(rule, {"position": min(last + 1, LAST_POSITION), **values})
        rule.save(force_insert=True)
        audit.record("rule.created", rule, after=_written(rule))
    return rule


def update(*, rule: PolicyRule, changes: Mapping[str, Any]) -> PolicyRule:
    """Change a rule; it counts from the next question on. What is given as it is already is no change.

    :param changes: the fields to change; all others stay as they are, readable or not.
    :raises FieldErrors: as :func:`create`.
    """
    with transaction.atomic():
        locked(rule)
        before = _written(rule)
        _fill(rule, changes)
        after = _written(rule)
        changed = [name for name in _FIELDS if before[name] != after[name]]
        if changed:
            rule.save(update_fields=[*changed, "updated_at"])
            audit.record(
                "rule.changed",
                rule,
                changed=changed,
                before={name: before[name] for name in changed},
                after={name: after[name] for name in changed},
            )
    return rule


def move(*, rule: PolicyRule, up: bool) -> bool:
    """Exchange a rule with the one before it (``up``) or after it in its list.

    Only the positions of these two change, unless several rules have the same one: then all are numbered again.
    Returns False where it is the first or the last already.

    :raises Http404: someone deleted it in the meantime.
    """
    with transaction.atomic():
        listed = _locked_list(rule.project)
        before = [each.pk for each in listed]
        if rule.pk not in before:
            raise Http404
        place = before.index(rule.pk)
        other = place - 1 if up else place + 1
        if not 0 <= other < len(listed):
            return False
        positions = sorted(each.position for each in listed)
        if len(set(positions)) < len(positions):
            positions = [*range(1, len(listed) + 1)]
        listed[place], listed[other] = listed[other], listed[place]
        for each, position in zip(listed, positions, strict=True):
            if each.position != position:
                each.position = position
                each.save(update_fields=["position", "updated_at"])
        rule.refresh_from_db()
        audit.record("rule.moved", rule, position=rule.position)
    return True


def _locked_list(project: Project | None) -> list[PolicyRule]:
    """The rules of one list in order; others who move in it wait until the transaction ends."""
    if project is not None:
        locked(project)
    rows = PolicyRule.objects.select_for_update(of=("self",)).filter(project=project)
    return list(rows.order_by("position", "created_at", "id"))


def delete(*, rule: PolicyRule) -> None:
    """Take a rule away. The audit log keeps what it said.

    :raises Http404: someone deleted it in the meantime.
    """
    with transaction.atomic():
        locked(rule)
        audit.record("rule.deleted", rule, before=_written(rule))
        rule.delete()


def draft(*, project: Project | None, values: Mapping[str, Any], of: PolicyRule | None = None) -> PolicyRule:
    """An unsaved rule, to see what it would do: a new one, or ``of`` as it would be changed.

    :raises FieldErrors:
    """
    if of is None:
        rule = PolicyRule(project=project, position=LAST_POSITION)
    else:
        rule = PolicyRule(project=project, pk=of.pk, created_at=of.created_at, **_written(of))
    _fill(rule, values)
    return rule


def find(rule_id: UUID, project: Project | None) -> PolicyRule | None:
    """A rule of this project, or of the installation; None where it has no such rule."""
    return PolicyRule.objects.filter(project=project, pk=rule_id).first()


def _written(rule: PolicyRule) -> dict[str, Any]:
    """What the rule says, by its fields."""
    return {name: getattr(rule, name) for name in _FIELDS}


def _fill(rule: PolicyRule, values: Mapping[str, Any]) -> None:
    """Check, and write in their one form; what is not given stays as it is.

    What can't be read refuses everything (:mod:`imageimport.policy.judging`). So no change of something else makes it
    readable, and nothing that can't be read is saved as a rule that counts.

    :raises FieldErrors:
    """
    kept = rule.requires
    errors: dict[str, list[str]] = {}
    for name in _FIELDS:
        if name in values:
            try:
                setattr(rule, name, _one_form(name, values[name]))
            except OciError:
                errors[name] = [_("Enter platforms such as linux/amd64 or linux/arm64.")]
    if not rule.name.strip():
        errors["name"] = [_("Enter a name for the rule.")]
    for name in unreadable(rule):
        if name in values or rule.enabled:
            errors.setdefault(name, [_unreadable(name)])
    for name in _PATTERNS:
        if name in values and name not in errors and (problem := _bad_patterns(getattr(rule, name))):
            errors[name] = [problem]
    if "requires" in values and "requires" not in errors and _adds_unknown(rule.requires, kept):
        errors["requires"] = [_("The portal doesn't know this requirement.")]
    if errors:
        raise FieldErrors(errors)


def _unreadable(name: str) -> str:
    if name == "action":
        return _("Choose allow, approve or refuse.")
    return _("This version of the portal can't read this. Correct it, or delete the rule.")


def _one_form(name: str, value: Any) -> Any:
    """A field as it is kept; what has another form than it should stays, for :func:`unreadable` to tell.

    :raises OciError: a platform that is none.
    """
    if name in _PATTERNS and _are_texts(value):
        found = [text.strip() for text in value if text.strip()]
        return [source_pattern(text) for text in found] if name == "sources" else found
    if name == "requires" and isinstance(value, Mapping):
        return _requirements(value)
    return value


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _bad_patterns(found: list[str]) -> str:
    if len(found) > MAX_PATTERNS:
        return _("Enter at most %(limit)d patterns.") % {"limit": MAX_PATTERNS}
    if any(len(text) > PATTERN_CHARS for text in found):
        return _("A pattern can have at most %(limit)d characters.") % {"limit": PATTERN_CHARS}
    if any(any(char.isspace() for char in text) or not text.isprintable() for text in found):
        return _("A pattern can't contain spaces. Write one pattern a line.")
    return ""


def _requirements(values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is required.

    :raises OciError: a platform that is none.
    """
    found = {name: each for name, each in values.items() if each not in (None, [], "")}
    if _are_texts(found.get("platforms")):
        found["platforms"] = [str(Platform.parse(text.strip())) for text in found["platforms"]]
    if isinstance(found.get("signed_by"), list | tuple):
        found["signed_by"] = [str(each) for each in found["signed_by"]]
    return found


def _adds_unknown(wanted: Mapping[str, Any], kept: Any) -> bool:
    """Whether something is required that this version doesn't know, and that the rule didn't require before: it would
    never be met.
    """
    known = kept if isinstance(kept, Mapping) else {}
    unknown = {name: each for name, each in wanted.items() if name not in REQUIREMENTS}
    return any(name not in known or known[name] != each for name, each in unknown.items())
