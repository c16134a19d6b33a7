"""What may be seen of imports: querysets for lists and pages, and their sentences in the reader's language."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from imageimport.choices import ACTIVE, Status
from imageimport.models import ImportAttempt, ImportTask
from imageimport.sentences import shown
from projects.models import Project

#: A finished import stays on the project page this long, so that its end is seen. Seconds.
SHOWN_AFTER_SUCCESS: Final = 30


def tasks_of(project: Project) -> QuerySet[ImportTask]:
    """All imports of a project, newest first, without what lists don't show."""
    return (
        ImportTask.objects.filter(project=project)
        .select_related("requested_by")
        .defer("username", "password")
        .order_by("-created_at", "-id")
    )


def running_of(project: Project) -> QuerySet[ImportTask]:
    """Imports of a project that have not ended."""
    return tasks_of(project).filter(status__in=ACTIVE)


def shown_on_project_page(project: Project) -> QuerySet[ImportTask]:
    """What the project page shows on top: active ones, failures nobody dismissed, what arrived just now."""
    recently = timezone.now() - dt.timedelta(seconds=SHOWN_AFTER_SUCCESS)
    return tasks_of(project).filter(
        Q(status__in=ACTIVE)
        | Q(status=Status.FAILED, dismissed_at=None)
        | Q(status=Status.SUCCESS, completed_at__gte=recently, dismissed_at=None)
    )


def render_message(task: ImportTask) -> str:
    """What the import is doing, in the active language."""
    return shown(task.message, task.message_parts)


def render_error(task: ImportTask | ImportAttempt) -> str:
    """Why it failed, in the active language; empty where it did not."""
    return shown(task.error, task.error_parts)
