"""What a request is about, seen at its source by a worker: the digest that an approval will be for, sizes, and what its
signatures say.

Only manifests and signatures are read. A look that finds what no approval could change ends the request: the image is
not there, a rule refuses it now that more is known, or a signature that a rule requires is missing or not valid.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import internal_error
from imageimport.choices import Action, Outcome, Status
from imageimport.messages import english, of_error
from imageimport.models import ApprovalRequest, ImportTask
from imageimport.policy.decision import decide
from imageimport.policy.judging import facts_of, named_digest, rules_for, sighted
from imageimport.policy.signatures import gate_for
from imageimport.registries import archives, clients
from imageimport.registries.source_credentials import open_source
from imageimport.worker import completion, shutdown
from oci import redaction
from oci.cancel import CancelToken
from oci.copy.context import CopyOptions
from oci.copy.look import Look, look
from oci.errors import Canceled, OciError
from oci.layout.source import ArchiveSource
from oci.registry.options import ClientOptions
from oci.registry.retry import RetryBudget, RetryPolicy
from oci.registry.source import Source
from oci.signatures.proof import State
from projects import places
from projects.locking import Leases

log = structlog.get_logger(__name__)

#: What signatures say, as :mod:`projects.signatures` reads it.
Kept = dict[str, Any]

#: One look takes at most this long, and a round of them; seconds.
LOOK_SECONDS: Final = 20.0
ROUND_SECONDS: Final = 60.0
#: The same for a worker's look into uploaded files: what is compressed is read through, some 100 GiB in this time.
UPLOAD_SECONDS: Final = 600.0
#: Another worker takes up a look that has not ended 40 seconds after its limit.
_LOOKS: Final = Leases("look_at", LOOK_SECONDS + 40)
_UPLOAD_LOOKS: Final = Leases("look_at", UPLOAD_SECONDS + 40)
RETRY_SECONDS: Final = 5.0
#: After a look that failed for now; the last goes on. Minutes.
PAUSES: Final = (1, 5, 30, 120)
#: Requests that one round takes up at most.
MAX_LOOKS: Final = 200
#: What may pass although nothing says so.
_PASSING: Final = frozenset({"unreachable", "proxy_error", "rate_limited", "stalled", "timeout"})
_SLOW: Final = gettext_noop("The source did not answer within %(seconds)d seconds.")
_SLOW_FILES: Final = gettext_noop("The uploaded files could not be read within %(seconds)d seconds.")


def look_due() -> int:
    """Look at what no one has looked at yet, a project after the other. Returns how many looks were made."""
    ends = time.monotonic() + ROUND_SECONDS
    made = 0
    for pk in _due():
        if shutdown.requested() or time.monotonic() > ends:
            break
        made += _look_once(pk)
    return made


def look_now(task: ImportTask, user: User) -> None:
    """Look at a request that was not looked at yet, while ``user`` waits.

    :raises ApplicationError: too much is asked at once (:mod:`projects.places`).
    :raises OciError: the source can't be read, or not in time.
    """
    verdicts: list[Kept] = []
    with places.asking_others(user, seconds=LOOK_SECONDS) as cancel:
        seen = _seen(task, cancel, verdicts.append)
    _note(task, seen, verdicts)


def _due() -> Iterator[UUID]:
    rows = ApprovalRequest.objects.filter(look_at__lte=timezone.now()).order_by("looks", "look_at")
    by_project: dict[UUID, deque[UUID]] = {}
    for pk, project in rows.values_list("pk", "task__project")[:MAX_LOOKS]:
        by_project.setdefault(project, deque()).append(pk)
    while by_project:
        for project in list(by_project):
            yield by_project[project].popleft()
            if not by_project[project]:
                del by_project[project]


def _look_once(pk: UUID) -> bool:
    now = timezone.now()
    request = (
        ApprovalRequest.objects.select_related("task__project", "task__requested_by").filter(pk=pk).first()
    )
    if request is None:
        return False
    limit, leases = (UPLOAD_SECONDS, _UPLOAD_LOOKS) if request.task.uploads else (LOOK_SECONDS, _LOOKS)
    if not leases.take(ApprovalRequest.objects.filter(pk=pk, look_at__lte=now), now):
        return False
    if not request.is_open:
        leases.give_back(ApprovalRequest.objects.filter(pk=pk))
        return False
    cancel = CancelToken()
    verdicts: list[Kept] = []
    try:
        with redaction.scope(), cancel.after(limit):
            seen = _seen(request.task, cancel, verdicts.append)
    except Canceled:
        _end_early(request, limit)
    except OciError as exc:
        _settle(request, exc, verdicts)
    except Exception:  # a defect of ours must not be tried forever
        error = internal_error()
        log.exception("request.look_failed", task_id=str(pk), incident=error.params["incident"])
        _later(request, error)
    else:
        _note(request.task, seen, verdicts)
    return True


def _seen(task: ImportTask, cancel: CancelToken, keep: Callable[[Kept], None]) -> Look:
    """What the source shows of the image.

    :param keep: takes what the signatures say, where someone is trusted to sign; before a rule refuses it for that.
    :raises OciError: the source can't be read, or a signature that a rule requires isn't there.
    :raises Canceled: ``cancel`` was pulled, or this worker is to stop.
    """

    def tick() -> None:
        if shutdown.requested():
            cancel.cancel()
        cancel.check()

    options = ClientOptions(cancel=cancel, retries=RetryPolicy(budget=RetryBudget(seconds=RETRY_SECONDS)))
    with ExitStack() as closes:
        reference, credential = closes.enter_context(open_source(task))
        source: Source
        if task.uploads:
            archive = archives.take(task, tick=tick)
            closes.callback(archive.close)  # Here, no next import lets go of what would be kept.
            source = ArchiveSource(archive, reference.repository)
        else:
            source = clients.source_client(
                reference, user=task.requested_by, credential=credential, options=options
            )
        closes.callback(source.close)
        chosen = CopyOptions(
            platforms=tuple(task.platforms),
            platforms_if_any=task.platforms_by_default,
            include_referrers=task.include_referrers,
        )
        return look(source, reference.identifier, options=chosen, cancel=cancel, gate=gate_for(task, keep))


def _note(task: ImportTask, seen: Look, verdicts: Sequence[Kept]) -> None:
    """Write what was seen, unless it was decided in the meantime; end what a rule refuses by it. Signatures that the
    source did not tell of are asked for again.
    """
    platforms = [
        {"platform": each.platform, "digest": each.digest, "size": each.size} for each in seen.platforms
    ]
    signature = verdicts[-1] if verdicts else None
    unheard = signature is not None and signature["state"] == State.UNKNOWN.value
    requests = ApprovalRequest.objects.filter(pk=task.pk)
    with transaction.atomic():
        waits = ImportTask.objects.requested().filter(pk=task.pk, source_digest__in=("", seen.digest))
        if not waits.update(
            source_digest=seen.digest,
            bytes_total=seen.bytes_total,
            signature=signature,
            updated_at=timezone.now(),
        ):
            _LOOKS.give_back(requests)  # decided, or the tag names something else than was shown
            return
        looks = requests.values_list("looks", flat=True).get()
        requests.update(
            look_at=timezone.now() + _pause(looks) if unheard else None,
            looks=looks + 1,
            platforms=platforms,
            referrers=seen.referrers,
            error="",
            error_parts={},
        )
    rules = rules_for(task.project)
    facts = replace(facts_of(task), bytes_total=seen.bytes_total, platforms=_named(seen))
    facts = sighted(rules, facts, task.project, (seen.digest,))
    decision = decide(rules, facts, now=timezone.now())
    if decision.action == Action.REFUSE:
        _end(task, decision.error)


def _named(seen: Look) -> tuple[str, ...] | None:
    """The platforms of an index; of a single image they are not known yet."""
    names = tuple(each.platform for each in seen.platforms)
    return names if all(names) else None


def _end_early(request: ApprovalRequest, limit: float) -> None:
    """A look that took too long; or one that another worker goes on with, since this one is to stop."""
    if shutdown.requested():
        ApprovalRequest.objects.filter(pk=request.pk, look_at__isnull=False).update(look_at=timezone.now())
        return
    template = _SLOW_FILES if request.task.uploads else _SLOW
    _settle(request, OciError("stalled", template, retryable=True, seconds=int(limit)))


def _settle(request: ApprovalRequest, error: OciError, verdicts: Sequence[Kept] = ()) -> None:
    log.info("request.look_failed", task_id=str(request.pk), code=error.code, error=str(error))
    if verdicts:  # and no other digest is shown yet, which they would not be about
        shown = ("", named_digest(request.task))
        waits = ImportTask.objects.requested().filter(pk=request.pk, source_digest__in=shown)
        waits.update(signature=verdicts[-1])
    if error.retryable or error.code in _PASSING:
        _later(request, error)
    else:
        _end(request.task, error)


def _later(request: ApprovalRequest, error: OciError) -> None:
    message = of_error(error)
    ApprovalRequest.objects.filter(pk=request.pk).update(
        look_at=timezone.now() + _pause(request.looks),
        looks=request.looks + 1,
        error=english(message),
        error_parts=message,
    )


def _pause(looks: int) -> dt.timedelta:
    """After so many looks before this one."""
    return dt.timedelta(minutes=PAUSES[min(looks, len(PAUSES) - 1)])


def _end(task: ImportTask, error: OciError) -> None:
    with transaction.atomic():
        ended = completion.end(
            task.pk,
            fence=task.fence,
            status=Status.FAILED,
            outcome=Outcome.FAILED,
            error=error,
            from_states=(Status.REQUESTED,),
        )
        if ended:
            _LOOKS.give_back(ApprovalRequest.objects.filter(pk=task.pk))
