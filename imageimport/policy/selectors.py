"""What is shown of rules: the lists, what they say of an image, and what they would have done."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.exceptions import filled
from imageimport.choices import Action
from imageimport.models import ImportTask, PolicyRule
from imageimport.policy.decision import Decision, Facts, RuleSet, decide
from imageimport.policy.judging import facts_of, rule_set, rules_for, shown_rule
from projects.models import Project
from projects.signatures import proofs_of

#: Imports that one dry run looks at, the newest, and those of them that it names.
MAX_IMPORTS: Final = 20_000
EXAMPLES: Final = 50
#: Rules that one dry run asks, over all imports; a microsecond each, and twice at most, so it takes seconds.
MAX_QUESTIONS: Final = 2_000_000
#: Reading a rule takes as long as asking it so many times.
_READING: Final = 10


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the imports of the last days would have met.

    :param unknown: not refused by what is known of them, but a rule requires what is not: such as an age, or a scan.
    :param truncated: there are older ones, which were not looked at.
    """

    imports: int
    allow: int
    approve: int
    refuse: int
    unknown: int
    truncated: bool
    examples: list[dict[str, Any]]


def rules_of(project: Project | None) -> QuerySet[PolicyRule]:
    """The rules of a project, or of the installation, in order."""
    return PolicyRule.objects.filter(project=project).order_by("position", "created_at", "id")


def answer(decision: Decision) -> dict[str, Any]:
    """What rules say of one image, as the API shows it."""
    return {
        "action": decision.action.value,
        "rule": shown_rule(decision.rule),
        "message": message_of(decision),
    }


def message_of(decision: Decision) -> str:
    """The rule's own words, or why it is as it is; empty for what is allowed without a word."""
    if decision.unmet is None and decision.rule is not None and decision.rule.message:
        return decision.rule.message
    return filled(*decision.note) if decision.action != Action.ALLOW else ""


def check(*, project: Project, task: ImportTask) -> Decision:
    """What the rules say of an import that is not made; asks no registry."""
    return decide(rules_for(project), facts_of(task), now=timezone.now())


def dry_run(*, project: Project | None, days: int, draft: PolicyRule | None = None) -> DryRun:
    """What the imports of the last ``days`` would have met.

    :param project: None for the rules of the installation, over the imports of all projects.
    :param draft: a rule that is not saved, in place of the one with its key, if any.
    """
    now = timezone.now()
    tasks = ImportTask.objects.filter(created_at__gte=now - dt.timedelta(days=days))
    if project is not None:
        tasks = tasks.filter(project=project)
    columns = (
        "pk", "project_id", "image_url", "source_image", "target_image", "platforms", "bytes_total", "digest",
        "status", "signature",
    )  # fmt: skip
    newest = tasks.only(*columns).order_by("-created_at", "-id")[: MAX_IMPORTS + 1]
    counts: Counter[str] = Counter()
    examples: list[dict[str, Any]] = []
    rules, truncated = _Rules(project, draft), False
    for task in newest.iterator(chunk_size=1000):
        if counts.total() == MAX_IMPORTS or rules.asked >= MAX_QUESTIONS:
            truncated = True
            break
        decision, known = _judged(rules.of(task), task, now)
        counts[decision.action.value if known else "unknown"] += 1
        if decision.action != Action.ALLOW and len(examples) < EXAMPLES:
            examples.append(
                {
                    "task": str(task.pk),
                    "source_image": task.source_image or task.image_url,
                    "target_image": task.target_image,
                    "action": decision.action.value,
                    "rule": shown_rule(decision.rule),
                    "message": message_of(decision),
                }
            )
    return DryRun(
        imports=counts.total(),
        allow=counts["allow"],
        approve=counts["approve"],
        refuse=counts["refuse"],
        unknown=counts["unknown"],
        truncated=truncated,
        examples=examples,
    )


class _Rules:
    """The rules of all projects whose imports are looked at, read once."""

    def __init__(self, project: Project | None, draft: PolicyRule | None) -> None:
        of_whom = Q() if project is None else Q(project=None) | Q(project=project)
        rows = list(PolicyRule.objects.filter(of_whom, enabled=True).order_by("position", "created_at", "id"))
        if draft is not None:
            rows = [row for row in rows if row.pk != draft.pk]
            rows += [draft] if draft.enabled else []
            rows.sort(key=lambda row: (row.position, row.created_at))
        self._rows: defaultdict[UUID | None, list[PolicyRule]] = defaultdict(list)
        for row in rows:
            self._rows[row.project_id].append(row)
        self._defaults = (
            dict(Project.objects.values_list("pk", "default_action"))
            if project is None
            else {project.pk: project.default_action}
        )
        self._sets: dict[UUID, RuleSet] = {}
        #: How many rules were asked so far.
        self.asked = 0

    def of(self, task: ImportTask) -> RuleSet:
        """Those that count for an import, which are counted as asked."""
        owner = task.project_id
        found = self._sets.get(owner)
        if found is None:
            rows = [*self._rows[None], *self._rows[owner]]
            found = self._sets[owner] = rule_set(rows, self._defaults[owner])
            self.asked += _READING * len(rows)
        self.asked += len(found.installation) + len(found.project)
        return found


def _judged(rules: RuleSet, task: ImportTask, now: dt.datetime) -> tuple[Decision, bool]:
    """What the rules say of an import now; and whether that holds whatever is not known of it. To ask for approval
    does: who decides sees more.
    """
    facts = _facts_then(task)
    decision = decide(rules, facts, now=now)
    if decision.action != Action.ALLOW:
        return decision, True
    return decision, decide(rules, replace(facts, whole=True), now=now).action == Action.ALLOW


def _facts_then(task: ImportTask) -> Facts:
    """What the row still knows of the image: its size, its platforms where some were chosen, where it came so far, and
    who signed it.
    """
    return replace(
        facts_of(task),
        bytes_total=task.bytes_total or None,
        platforms=tuple(task.platforms) or None,
        proved=proofs_of(task.signature),
    )
