"""Rules of clean-up: made, changed, taken away."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from projects import audit
from projects.locking import locked
from projects.models import Project, RetentionRule
from projects.retention.decision import Rule
from projects.tags.tag_rules import TagRules

#: More rules, or parts of one, are no list that a person keeps in order; each is compared with each tag.
MAX_RULES: Final = 50
MAX_PARTS: Final = 100
KEEPS: Final = ("keep_newest", "keep_pulled_days", "keep_pushed_days")
_LOGGED_FIELDS: Final = ("repositories", "tags", *KEEPS, "order", "enabled")
#: Each says, as sentences, with what a rule fights that is about to be saved: schedules that bring what it takes.
fights: Final[list[Callable[[RetentionRule], Sequence[str]]]] = []
_REPOSITORY: Final = re.compile(r"[a-z0-9_.*?\[\]!/-]{1,255}", re.ASCII)


@transaction.atomic
def create(*, project: Project, user: User | None, values: Mapping[str, Any]) -> RetentionRule:
    """A new rule.

    :raises FieldErrors: with every field that is wrong.
    :raises ApplicationError: ``too_many_rules``.
    """
    if RetentionRule.objects.filter(project=project).count() >= MAX_RULES:
        raise ApplicationError(
            "too_many_rules", gettext_noop("A project can have at most %(limit)d rules."), limit=MAX_RULES
        )
    rule = RetentionRule(project=project, created_by=user, **values)
    _check(rule)
    rule.save(force_insert=True)
    audit.record("retention.created", rule, after=_values(rule))
    return rule


@transaction.atomic
def update(*, rule: RetentionRule, changes: Mapping[str, Any]) -> RetentionRule:
    """Change a rule.

    :raises FieldErrors: with every field that is wrong.
    """
    locked(rule, "project")
    before = _values(rule)
    for name, value in changes.items():
        setattr(rule, name, value)
    _check(rule)
    rule.save()
    audit.record("retention.changed", rule, changed=sorted(changes), before=before, after=_values(rule))
    return rule


@transaction.atomic
def delete(*, rule: RetentionRule) -> None:
    """Take a rule away."""
    audit.record("retention.deleted", rule, before=_values(rule))
    rule.delete()


def warnings_of(rule: RetentionRule) -> list[str]:
    """With what the rule fights, as sentences."""
    return [sentence for each in fights for sentence in each(rule)] if rule.enabled else []


def read(rule: RetentionRule) -> Rule:
    """The row as the decision takes it."""
    return Rule(
        repositories=tuple(rule.repositories),
        tags=tuple(rule.tags),
        keep_newest=rule.keep_newest,
        keep_pulled_days=rule.keep_pulled_days,
        keep_pushed_days=rule.keep_pushed_days,
        by_version=rule.order == RetentionRule.Order.VERSION,
        id=rule.pk,
    )


def _values(rule: RetentionRule) -> dict[str, Any]:
    """All that it says, for the audit log."""
    return {name: getattr(rule, name) for name in _LOGGED_FIELDS}


def _check(rule: RetentionRule) -> None:
    errors: dict[str, list[str]] = {}
    if all(getattr(rule, name) is None for name in KEEPS):
        errors["keep_newest"] = [_("Enter at least one thing to keep: a number of tags, or days.")]
    for name in KEEPS:
        if getattr(rule, name) == 0:
            errors[name] = [_("Enter at least 1.")]
    if len(rule.repositories) > MAX_PARTS or not all(map(_REPOSITORY.fullmatch, rule.repositories)):
        errors["repositories"] = [
            _("Enter names inside the project or patterns such as team/*, at most %(limit)d.")
            % {"limit": MAX_PARTS}
        ]
    try:
        TagRules(rule.tags)
    except ApplicationError as exc:
        errors["tags"] = [sentence_of(exc)]
    if len(rule.tags) > MAX_PARTS:
        errors["tags"] = [_("Enter at most %(limit)d tags or patterns.") % {"limit": MAX_PARTS}]
    if errors:
        raise FieldErrors(errors)
