"""What becomes of requests: approved for the digest that was shown, rejected with a reason, ended when their days are
over."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError
from imageimport.choices import Outcome, Status, Verdict, WebhookEvent
from imageimport.messages import WAITING, english, parts
from imageimport.models import ApprovalRequest, ImportTask
from imageimport.requests import looking
from imageimport.requests.askers import asked_by
from imageimport.webhooks import outbox, payloads
from imageimport.worker import completion, dispatch
from oci.errors import OciError
from projects import audit

_PAST: Final = gettext_noop("This import no longer waits for approval.")
_OWN: Final = gettext_noop(
    "In this project someone else has to decide: you can't approve or reject your own request."
)
_OTHER: Final = gettext_noop(
    "The request has changed since you looked at it. Review it again, then approve it."
)
_UNSEEN: Final = gettext_noop(
    "The source was checked for the first time just now. Review what the request now shows, then approve it."
)
_REJECTED: Final = gettext_noop("%(user)s rejected the request: %(reason)s")
_EXPIRED: Final = gettext_noop("The request expired before a maintainer decided on it.")
#: Requests that one round ends at most.
_MAX_EXPIRED: Final = 500


def approve(*, task: ImportTask, user: User, shown: str | None = None) -> ImportTask:
    """Let an import begin, for the digest that was seen at its source. One that no one has looked at is looked at now,
    and left to be approved once what was found can be read.

    :param shown: the digest that ``user`` was shown; None: the one that the request shows.
    :raises ApplicationError: ``not_requested`` when it is past; ``permission_denied`` for one's own where the project
        wants four eyes; ``approval_outdated`` where ``shown`` is not what was seen, or nothing was seen before.
    :raises OciError: no one has looked at it yet, and the source can't be read, or not in time.
    """
    _check(task, user)
    if not task.approval.was_seen:
        looking.look_now(task, user)
        raise ApplicationError("approval_outdated", _UNSEEN)
    digest = task.source_digest
    if shown is not None and shown != digest:
        raise ApplicationError("approval_outdated", _OTHER)
    now, message_parts = timezone.now(), parts(WAITING)
    with transaction.atomic():
        in_time = ApprovalRequest.objects.filter(pk=task.pk, expires_at__gt=now)
        waits = ImportTask.objects.requested().filter(pk__in=in_time.values("pk"), source_digest=digest)
        if not waits.update(
            status=Status.PENDING, message=english(message_parts), message_parts=message_parts, updated_at=now
        ):
            raise ApplicationError("not_requested", _PAST)
        _decide(task, user, Verdict.APPROVED, digest=digest)
        audit.record("request.approved", task, digest=digest)
        dispatch.after_commit()
    task.refresh_from_db()
    return task


def reject(*, task: ImportTask, user: User, reason: str) -> ImportTask:
    """End a request, and say why.

    :raises ApplicationError: as :func:`approve`.
    """
    _check(task, user)
    error = OciError("rejected", _REJECTED, user=user.get_username(), reason=reason)
    with transaction.atomic():
        if not _end(task, error):
            raise ApplicationError("not_requested", _PAST)
        _decide(task, user, Verdict.REJECTED, reason=reason)
        audit.record("request.rejected", task, reason=reason)
    task.refresh_from_db()
    return task


def expire_due() -> int:
    """End requests whose days are over. Returns how many."""
    due = ImportTask.objects.requested().filter(approval__expires_at__lte=timezone.now())
    return sum(
        _expire(task) for task in due.select_related("project").defer("username", "password")[:_MAX_EXPIRED]
    )


def _expire(task: ImportTask) -> bool:
    with transaction.atomic(), acting_as(None):
        if not _end(task, OciError("approval_outdated", _EXPIRED)):
            return False
        _decide(task, None, Verdict.EXPIRED)
        audit.record("request.expired", task)
    return True


def _check(task: ImportTask, user: User) -> None:
    if not task.is_requested:
        raise ApplicationError("not_requested", _PAST)
    if task.project.four_eyes and asked_by(task, user):
        raise ApplicationError("permission_denied", _OWN)


def _end(task: ImportTask, error: OciError) -> bool:
    return completion.end(
        task.pk,
        fence=task.fence,
        status=Status.CANCELED,
        outcome=Outcome.CANCELED,
        error=error,
        from_states=(Status.REQUESTED,),
    )


def _decide(
    task: ImportTask, user: User | None, verdict: Verdict, *, digest: str = "", reason: str = ""
) -> None:
    """Write the verdict of a request that has just ceased to wait, and tell webhooks."""
    ApprovalRequest.objects.filter(pk=task.pk).update(
        verdict=verdict,
        digest=digest,
        reason=reason,
        decided_by=user,
        decided_at=timezone.now(),
        look_at=None,
    )
    event = WebhookEvent.REQUEST_DECIDED

    def make() -> payloads.Payload:
        rows = ApprovalRequest.objects.select_related("task__project", "task__requested_by", "decided_by")
        return payloads.of_request(event.value, rows.get(pk=task.pk))

    outbox.enqueue(project_id=task.project_id, event=event, failed=True, make=make)
