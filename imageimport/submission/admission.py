"""Where every import comes in: judged by the rules, and then written, as one that waits for a worker or for a person.

What makes rows calls :func:`admit` for each and :func:`insert` for all. A way that did without would gain nothing:
the worker judges again, and takes nothing that needs an approval without one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from imageimport.choices import Action, Status, WebhookEvent
from imageimport.messages import REQUESTED, WAITING, english, parts
from imageimport.models import ApprovalRequest, ImportTask
from imageimport.policy.decision import Decision
from imageimport.policy.judging import Asked, named_digest, refusal, shown_rule
from imageimport.webhooks import outbox, payloads
from imageimport.worker import dispatch


@dataclass(frozen=True, slots=True)
class Admission:
    """A row that may be written, and what the rules said."""

    task: ImportTask
    decision: Decision

    @property
    def asks(self) -> bool:
        """Whether it waits for someone's approval."""
        return self.task.status == Status.REQUESTED


def admit(task: ImportTask, asked: Asked, *, only_ask: bool = False) -> Admission:
    """Judge an unsaved row and give it the status that follows.

    :param only_ask: the caller may ask for approval and import nothing.
    :raises ApplicationError: ``refused_by_rule`` (403, with ``rule``); ``permission_denied`` where it needs no approval
        and only that may be asked for.
    """
    decision = asked.judge(task)
    if decision.action == Action.REFUSE:
        raise refusal(decision)
    if only_ask and decision.action != Action.APPROVE:
        raise ApplicationError(
            "permission_denied",
            gettext_noop("You can only request images that need approval. This one doesn't."),
        )
    if decision.action == Action.APPROVE:
        # A digest in the name that a file gives an image is what the file says: the look finds the image's own.
        task.status, task.source_digest = Status.REQUESTED, "" if task.uploads else named_digest(task)
    message = parts(REQUESTED if decision.action == Action.APPROVE else WAITING)
    task.message, task.message_parts = english(message), message
    return Admission(task, decision)


def insert(admissions: Sequence[Admission]) -> None:
    """Write the rows in the caller's transaction; after it workers and webhooks hear of them.

    :raises IntegrityError: another import to one of the targets was quicker.
    """
    ImportTask.objects.bulk_create([each.task for each in admissions])
    asking = [each for each in admissions if each.asks]
    if asking:
        _ask(asking)
    if len(asking) < len(admissions):
        dispatch.after_commit(len(admissions) - len(asking))


def _ask(admissions: Sequence[Admission]) -> None:
    now = timezone.now()
    rows = [_request(each, now) for each in admissions]
    ApprovalRequest.objects.bulk_create(rows)
    event = WebhookEvent.REQUEST_CREATED
    makes: list[Callable[[], payloads.Payload]] = [partial(payloads.of_request, event, row) for row in rows]
    outbox.enqueue_all(project_id=admissions[0].task.project_id, event=event, failed=True, makes=makes)


def _request(admission: Admission, now: dt.datetime) -> ApprovalRequest:
    task, rule = admission.task, admission.decision.rule
    return ApprovalRequest(
        task=task,
        rule=shown_rule(rule) or {},
        message=rule.message if rule else "",
        created_at=now,
        look_at=now,
        expires_at=now + dt.timedelta(days=task.project.request_days),
    )
