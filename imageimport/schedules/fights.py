"""A schedule that brings tags which a rule of clean-up may take: both are told when either is saved.

Nothing is refused. What clean-up took does not come back until it moves at its source; then it comes, and goes again.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.exceptions import ApplicationError
from imageimport.models import Schedule
from imageimport.schedules.tag_sets import common_tag
from imageimport.schedules.work import validated_if_it_runs
from imageimport.submission.requests import ValidatedImport
from projects.models import RetentionRule
from projects.tags.globs import fits
from projects.tags.tag_rules import TagRules


def of_rule(rule: RetentionRule) -> list[str]:
    """Schedules that bring what this rule may remove, as sentences."""
    rows = Schedule.objects.filter(project=rule.project_id, enabled=True)
    rows = rows.select_related("project", "credential", "created_by")
    return [
        _(
            "The scheduled sync of %(source)s brings tags to %(target)s that this rule may remove. Until they change "
            "at the source, they are not synced again."
        )
        % _words(there)
        for schedule in rows
        if (there := validated_if_it_runs(schedule)) is not None and _meet(schedule, there, rule)
    ]


def of_schedule(schedule: Schedule) -> list[str]:
    """Rules that may remove what this schedule brings, as sentences."""
    there = validated_if_it_runs(schedule) if schedule.enabled else None
    if there is None:
        return []
    rules = RetentionRule.objects.filter(project=schedule.project_id, enabled=True)
    return [
        _(
            "The clean-up rule for %(rule)s may remove tags that this sync brings to %(target)s. Until they change at "
            "the source, they are not synced again."
        )
        % {"rule": str(rule), **_words(there)}
        for rule in rules
        if _meet(schedule, there, rule)
    ]


def _words(there: ValidatedImport) -> dict[str, str]:
    return {
        "source": there.source.name,
        "target": there.task.target_name,
    }


def _meet(schedule: Schedule, there: ValidatedImport, rule: RetentionRule) -> bool:
    """Whether both may be about the same tag."""
    name = there.task.target_name
    if rule.repositories and not any(fits(text, name) for text in rule.repositories):
        return False
    brings = schedule.tags or [there.source.tag or "latest"]
    try:
        mine = TagRules(brings, schedule.exclude_tags if schedule.tags else [])
        return common_tag(mine, TagRules(rule.tags or ["*"])) is not None
    except ApplicationError:
        return False  # written by hand: it never runs
