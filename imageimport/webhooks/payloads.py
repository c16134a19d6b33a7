"""What a webhook is told. Built when the event happens, kept as JSON, holds no secret.

Every payload has ``id`` (of the event: the same when a delivery is repeated), ``event``, ``created_at`` and
``project``; then ``task``, ``batch``, or ``schedule`` with ``run``, in the words of the API. Sentences are English.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django.utils import timezone

from accounts.ids import new_id
from imageimport.models import ImportBatch, ImportTask, ScheduleRun
from projects.models import Project

Payload = dict[str, Any]

#: Tags that a payload names; the API has all.
MAX_ITEMS: Final = 100
_OF_TASK: Final = (
    "image_url", "source_image", "target_name", "target_tag", "target_image", "status", "error", "error_code",
    "transport", "platforms", "digest", "source_digest", "bytes_total", "bytes_reused", "attempts",
)  # fmt: skip


def of_task(event: str, task: ImportTask) -> Payload:
    """``import.succeeded`` and ``import.failed``."""
    known = {
        "id": str(task.pk),
        **{name: getattr(task, name) for name in _OF_TASK},
        "requested_by": task.requested_by.get_username() if task.requested_by else None,
        "retry_of": _text(task.retry_of_id),
        "batch": _text(task.batch_id),
        "schedule": _text(task.schedule_id),
        **{name: _time(getattr(task, name)) for name in ("created_at", "started_at", "completed_at")},
    }
    return _envelope(event, task.project) | {"task": known}


def of_batch(event: str, batch: ImportBatch, counts: dict[str, int]) -> Payload:
    """``batch.completed``."""
    known = {
        "id": str(batch.pk),
        "name": batch.name,
        "total": sum(counts.values()),
        "counts": counts,
        "created_at": _time(batch.created_at),
        "completed_at": _time(batch.completed_at),
    }
    return _envelope(event, batch.project) | {"batch": known}


def of_run(event: str, run: ScheduleRun, result: dict[str, int]) -> Payload:
    """``schedule.completed``."""
    schedule = run.schedule
    known = {
        "id": str(run.pk),
        "result": result,
        "new": run.new,
        "moved": run.moved,
        "pulls": run.pulls,
        "items": run.items[:MAX_ITEMS],
        "error": run.error,
        "error_code": run.error_code,
        "started_at": _time(run.started_at),
        "ended_at": _time(run.ended_at),
    }
    asked = {
        "id": str(schedule.pk),
        "image_url": schedule.image_url,
        "tags": schedule.tags,
        "cron": schedule.cron,
    }
    return _envelope(event, schedule.project) | {"schedule": asked, "run": known}


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
