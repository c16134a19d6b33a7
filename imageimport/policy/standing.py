"""What can decide about an import right now, by one short question: most installations have no rule and no trust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from imageimport.choices import Verdict
from imageimport.models import ApprovalRequest, ImportTask, PolicyRule, TrustAnchor
from projects.models import Project
from projects.models.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is for one import.

    :param default: the project's ``default_action``.
    :param has_rules: whether any rule is enabled for its project or for the installation.
    :param has_anchors: whether there are trust anchors for them.
    :param approved: the digest that was approved; None where none was.
    """

    default: str
    has_rules: bool
    has_anchors: bool
    approved: str | None


def standing_of(task: ImportTask) -> Standing | None:
    """One query; None where the project is gone."""
    row = _STANDING.first(task.project_id, task.pk)
    if row is None:
        return None
    default, has_rules, has_anchors, approved = row
    return Standing(default, bool(has_rules), bool(has_anchors), approved)


def _standing(project: UUID, task: UUID) -> QuerySet[Any, Any]:
    ours = Q(project=None) | Q(project=OuterRef("pk"))
    approvals = ApprovalRequest.objects.filter(task=task, verdict=Verdict.APPROVED)
    return (
        Project.objects.filter(pk=project)
        .order_by()
        .values_list(
            "default_action",
            Exists(PolicyRule.objects.filter(ours, enabled=True)),
            Exists(TrustAnchor.objects.filter(ours)),
            Subquery(approvals.order_by().values("digest")[:1]),
        )
    )


_STANDING: Final = Prepared(_standing)
