"""What a webhook is told. Built when the event happens, kept as JSON, holds no secret.

Every payload has ``id`` (of the event: the same when a delivery is repeated), ``event``, ``created_at`` and
``project``; then ``task`` (with ``request``), ``batch``, ``tag``, or ``schedule`` with ``run``, in the words of the
API. Sentences are English.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.ids import new_id
from imageimport.models import ApprovalRequest, ImportBatch, ImportTask, Schedule, ScheduleRun
from imageimport.webhooks.links import link
from projects.models import Image, Project

Payload = dict[str, Any]

#: Tags that a payload names; the API has all.
MAX_ITEMS: Final = 100
#: Where a payload keeps an error's template and values.
_PARTS: Final = "error_parts"
_OF_TASK: Final = (
    "image_url", "source_image", "target_name", "target_tag", "target_image", "status", "error", "error_code",
    "transport", "platforms", "digest", "source_digest", "bytes_total", "bytes_reused", "attempts",
)  # fmt: skip


def public(payload: Payload) -> Payload:
    """Without what is for messages in a reader's own language: sentences are English in what programs get."""
    return {name: value for name, value in payload.items() if name != _PARTS}


def of_task(event: str, task: ImportTask) -> Payload:
    """``import.succeeded`` and ``import.failed``."""
    known: dict[str, Any] = {
        "id": str(task.pk),
        **{name: getattr(task, name) for name in _OF_TASK},
        "requested_by": task.requester or None,
        "retry_of": _text(task.retry_of_id),
        "batch": _text(task.batch_id),
        "schedule": _text(task.schedule_id),
        **{name: _time(getattr(task, name)) for name in ("created_at", "started_at", "completed_at")},
    }
    return _envelope(event, task.project) | {"task": known, _PARTS: task.error_parts}


def of_request(event: str, request: ApprovalRequest) -> Payload:
    """``request.created`` and ``request.decided``, with a link to where it is decided."""
    task = request.task
    known = {
        "rule": request.rule or None,
        "message": request.message,
        "expires_at": _time(request.expires_at),
        "verdict": request.verdict or None,
        "digest": request.digest or task.source_digest,
        "reason": request.reason,
        "decided_by": request.decided_by.get_username() if request.decided_by else None,
        "decided_at": _time(request.decided_at),
        "url": link(reverse("import-detail", args=[task.project.name, task.pk])),
    }
    return of_task(event, task) | {"request": known}


def of_batch(event: str, batch: ImportBatch, counts: dict[str, int]) -> Payload:
    """The body of ``batch.completed``.

    :param counts: imports by their status.
    """
    known = {
        "id": str(batch.pk),
        "name": batch.name,
        "total": sum(counts.values()),
        "counts": counts,
        "created_at": _time(batch.created_at),
        "completed_at": _time(batch.completed_at),
    }
    return _envelope(event, batch.project) | {"batch": known}


def of_run(event: str, run: ScheduleRun, result: dict[str, int], *, recovered: bool) -> Payload:
    """The body of ``schedule.completed``.

    :param result: tags by what became of them.
    :param recovered: the schedule had failed before, and works again.
    """
    known = {
        "id": str(run.pk),
        "result": result,
        "new": run.new,
        "moved": run.moved,
        "pulls": run.pulls,
        "items": run.items[:MAX_ITEMS],
        "error": run.error,
        "error_code": run.error_code,
        "recovered": recovered,
        "started_at": _time(run.started_at),
        "ended_at": _time(run.ended_at),
    }
    content = {"schedule": _schedule(run.schedule), "run": known, _PARTS: run.error_parts}
    return _envelope(event, run.schedule.project) | content


def of_upstream(event: str, schedule: Schedule, *, gone: Sequence[str], newer: str) -> Payload:
    """``upstream.changed``: tags here that are gone at the source since the last run; a version beyond the rules."""
    known = {"gone": list(gone[:MAX_ITEMS]), "newer": newer or None}
    return _envelope(event, schedule.project) | {"schedule": _schedule(schedule), "upstream": known}


def of_digest(event: str, project: Project, digest: dict[str, Any]) -> Payload:
    """``digest.weekly`` (:mod:`imageimport.webhooks.digest`)."""
    return _envelope(event, project) | {"digest": digest}


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "id": str(schedule.pk),
        "image_url": schedule.image_url,
        "tags": schedule.tags,
        "cron": schedule.cron,
    }


def of_tag(event: str, image: Image, was: str) -> Payload:
    """``tag.restored``: a protected tag names again what it did. ``was``: what it had been put on; empty: gone."""
    known = {
        "repository": image.repository,
        "tag": image.tag,
        "image": f"{settings.REGISTRY_PUBLIC_HOST}/{image.project.name}/{image}",
        "digest": image.digest,
        "was": was,
    }
    return _envelope(event, image.project) | {"tag": known}


def of_test(event: str, project: Project) -> Payload:
    """``test``: says only that messages arrive."""
    return _envelope(event, project) | {"test": True}


def _envelope(event: str, project: Project) -> Payload:
    return {
        "id": str(new_id()),
        "event": event,
        "created_at": _time(timezone.now()),
        "project": {"id": str(project.pk), "name": project.name},
    }


def _time(value: dt.datetime | None) -> str | None:
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if value else None


def _text(value: object) -> str | None:
    return str(value) if value else None
