"""Two schedules that may write one tag from different sources would take turns at it: the second is refused."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.models import Schedule
from imageimport.schedules.tag_sets import common_tag
from imageimport.schedules.work import validated_if_it_runs
from imageimport.submission.requests import ValidatedImport
from projects.tags.tag_rules import TagRules


def refuse(schedule: Schedule, prepared: ValidatedImport) -> None:
    """Whether a schedule that is about to be saved gets on with the project's others, those switched off too.

    :param prepared: what an import of it would be.
    :raises FieldErrors: on ``tags``: another one may write one of its tags, from another source or with other
        platforms.
    """
    others = Schedule.objects.filter(project=schedule.project_id).exclude(pk=schedule.pk)
    for other in others.select_related("project", "credential", "created_by"):
        there = validated_if_it_runs(other)
        if there is None or there.task.target_name != prepared.task.target_name:
            continue
        if _reads(there) == _reads(prepared):
            continue
        tag = common_tag(_rules(schedule, prepared), _rules(other, there))
        if tag is not None:
            raise FieldErrors({"tags": [_sentence(prepared, there, tag)]})


def _reads(prepared: ValidatedImport) -> tuple[str, bool, str, tuple[str, ...]]:
    """What it writes under a tag's name: of the same name from the same place with the same platforms is the same.
    A registry's name is the same in any case.
    """
    source = prepared.source
    return source.host, source.is_chart, source.repository, tuple(sorted(prepared.task.platforms))


def _rules(schedule: Schedule, prepared: ValidatedImport) -> TagRules:
    tags = schedule.tags or [prepared.source.tag or "latest"]
    try:
        return TagRules(tags, schedule.exclude_tags if schedule.tags else [])
    except ApplicationError:
        # Written by hand: it never runs.
        return TagRules([])


def _sentence(mine: ValidatedImport, other: ValidatedImport, tag: str) -> str:
    source = other.source.name
    target = mine.task.target_image.rpartition(":")[0]
    if tag:
        return _(
            "The sync of %(source)s also writes to %(target)s, from a different source or with different "
            "platforms."
        ) % {
            "source": source,
            "target": f"{target}:{tag}",
        }
    return _(
        "The sync of %(source)s may write the same tags of %(target)s, from a different source or with different "
        "platforms."
    ) % {"source": source, "target": target}
