"""What may be seen of imports: querysets for lists and pages, and their sentences in the reader's language."""

from __future__ import annotations

import datetime as dt

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils import timezone

from imageimport.choices import ACTIVE, OCCUPYING, Status
from imageimport.models import ImportAttempt, ImportTask
from imageimport.sentences import shown
from projects.models import Project

#: A finished import stays on the project page this long, so that its end is seen. Seconds.
SHOWN_AFTER_SUCCESS = 30


def tasks_of(project: Project) -> QuerySet[ImportTask]:
    """All imports of a project, newest first, without what lists don't show."""
    return _for_lists(ImportTask.objects.filter(project=project)).order_by("-created_at", "-id")


def running_of(project: Project) -> QuerySet[ImportTask]:
    """Imports of a project that have not ended."""
    return tasks_of(project).filter(status__in=ACTIVE)


def shown_on_project_page(project: Project, most: int) -> list[ImportTask]:
    """What the project page shows on top: what runs, what waits, failures nobody dismissed, what arrived just now.

    At most ``most`` of each kind, the newest; one query, each part of it read from its own index. The parts give keys
    only: this is asked every two seconds, and to say all columns four times would cost a tenth of it.
    """
    recently = timezone.now() - dt.timedelta(seconds=SHOWN_AFTER_SUCCESS)
    rows = ImportTask.objects.filter(project=project).values("pk")
    # Each order is its index's: another would be sorted, or read from an index that says nothing of the status.
    kinds = (
        rows.filter(status__in=OCCUPYING).order_by(),
        rows.filter(status=Status.PENDING).order_by("-created_at", "-id"),
        rows.filter(status=Status.FAILED, dismissed_at=None).order_by("-created_at", "-id"),
        rows.filter(status=Status.SUCCESS, dismissed_at=None, completed_at__gte=recently).order_by(
            "-completed_at"
        ),
    )
    parts = [
        ImportTask.objects.filter(pk__in=kind[:most]).order_by().values_list("pk", flat=True)
        for kind in kinds
    ]
    found = parts[0].union(*parts[1:], all=True)
    return list(_for_lists(ImportTask.objects.filter(pk__in=found)).order_by())


def render_message(task: ImportTask) -> str:
    """What the import is doing, in the active language."""
    return shown(task.message, task.message_parts)


def render_error(task: ImportTask | ImportAttempt) -> str:
    """Why it failed, in the active language; empty where it did not."""
    return shown(task.error, task.error_parts)


def _for_lists(rows: QuerySet[ImportTask]) -> QuerySet[ImportTask]:
    """With the name of who asked; without secrets, but with whether there are any."""
    held = ExpressionWrapper(~Q(password="") | ~Q(username=""), output_field=BooleanField())
    return rows.select_related("requested_by").defer("username", "password").annotate(holds_secret=held)
