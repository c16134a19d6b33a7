"""The weekly digest of a project, for webhooks, mails and members that want it: Monday morning, by the installation's
clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q

from imageimport.choices import Status, WebhookEvent
from imageimport.models import ImportTask, Schedule, Webhook, WebhookDelivery
from imageimport.webhooks import payloads
from projects import cron
from projects.models import Project

EVENT: Final = WebhookEvent.WEEKLY_DIGEST.value
_WHEN: Final = "0 8 * * 1"
_WEEK: Final = dt.timedelta(days=7)
#: Names of a list; the pages have all.
_MAX_NAMES: Final = 20


def next_at(now: dt.datetime) -> dt.datetime | None:
    """When the next weekly digest after ``now`` is due: Monday at eight in ``TIME_ZONE``."""
    return cron.next_run(_WHEN, settings.TIME_ZONE, now)


def owe_due(now: dt.datetime) -> int:
    """Owe each webhook its digest whose time has come. Returns to how many."""
    due = Webhook.objects.filter(enabled=True, digest_at__lte=now).select_related("project").defer("secret")
    made = 0
    for hook in due.order_by("digest_at")[:500]:
        with transaction.atomic():
            # If two beat processes race, only one wins.
            mine = Webhook.objects.filter(pk=hook.pk, digest_at=hook.digest_at)
            if mine.update(digest_at=next_at(now)):
                payload = payloads.of_digest(EVENT, hook.project, of_project(hook.project, now))
                WebhookDelivery.objects.create(webhook=hook, event=EVENT, payload=payload)
                made += 1
    return made


def of_project(project: Project, now: dt.datetime) -> dict[str, Any]:
    """What happened in the last week, and what needs a look."""
    ended = ImportTask.objects.filter(project=project, completed_at__gte=now - _WEEK, completed_at__lt=now)
    counts = ended.aggregate(
        imported=Count("pk", filter=Q(status=Status.SUCCESS)),
        failed=Count("pk", filter=Q(status=Status.FAILED)),
    )
    schedules = list(Schedule.objects.filter(project=project, enabled=True).order_by("image_url", "pk"))
    return {
        **counts,
        "images": project.image_count,
        "requests": ImportTask.objects.filter(project=project, status=Status.REQUESTED).count(),
        "failing": _some(row.image_url for row in schedules if (row.last_result or {}).get("failed")),
        "gone": _some(f"{row.image_url}: {tag}" for row in schedules for tag in row.gone),
        "newer": _some(f"{row.image_url}: {row.newer}" for row in schedules if row.newer),
    }


def _some(names: Iterable[str]) -> list[str]:
    found = list(names)
    return [*found[:_MAX_NAMES], "…"] if len(found) > _MAX_NAMES else found
