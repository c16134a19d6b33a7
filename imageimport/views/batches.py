"""Batches: many imports asked for at once, with their totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from imageimport.batches import selectors
from imageimport.batches import services as batches
from imageimport.choices import ACTIVE, Status
from imageimport.exceptions import Refused
from imageimport.models import ImportBatch
from projects.models import Project, Role
from projects.views.decorators import htmx_of, project_view, rights_in, user_of
from projects.views.pagination import page_of

#: Rows of one page of a batch; the history shows the others.
MAX_SHOWN = 200


@require_GET
@project_view(Role.VIEWER)
def batch_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Batches of a project, newest first."""
    page = page_of(request, selectors.batches_of(project))
    _add_summaries(page.rows)
    context = {
        "project": project,
        "can": rights_in(project),
        "tab": "batches",
        "page": page,
        "kept": [],
    }
    return render(request, "imageimport/batches.html", context)


@require_GET
@project_view(Role.VIEWER)
def batch(request: HttpRequest, project: Project, batch_id: UUID) -> HttpResponse:
    """One batch; its fragment is asked for every 2 seconds while it runs."""
    row = _batch(project, batch_id)
    template = "imageimport/_batch.html" if htmx_of(request) else "imageimport/batch.html"
    return render(request, template, _context(project, row))


@require_POST
@project_view(Role.DEVELOPER)
def cancel(request: HttpRequest, project: Project, batch_id: UUID) -> HttpResponse:
    """Cancel what has not ended."""
    row = _batch(project, batch_id)
    try:
        batches.cancel(batch=row, user=user_of(request), audit_request=request)
    except Refused as exc:
        messages.error(request, exc.detail)
    return redirect("batch", project.name, row.pk)


@require_POST
@project_view(Role.DEVELOPER)
def retry(request: HttpRequest, project: Project, batch_id: UUID) -> HttpResponse:
    """Start again what failed; the new imports take the places of the failed ones."""
    row = _batch(project, batch_id)
    try:
        batches.retry(batch=row, user=user_of(request), audit_request=request)
    except Refused as exc:
        messages.error(request, exc.detail)
    else:
        messages.success(request, _("What failed is imported again."))
    return redirect("batch", project.name, row.pk)


def _batch(project: Project, batch_id: UUID) -> ImportBatch:
    return get_object_or_404(
        ImportBatch.objects.filter(project=project).select_related("requested_by", "project"), pk=batch_id
    )


def _add_summaries(rows: Sequence[Any]) -> None:
    """Counts and progress of all batches of a page, by one query."""
    found = selectors.totals_of_all(rows)
    for row in rows:
        totals = found[row.pk]
        row.total, row.counts, row.percent = totals.total, totals.counts, totals.progress


def _context(project: Project, row: ImportBatch) -> dict[str, Any]:
    totals = selectors.totals_of(row)
    counts = totals.counts
    tasks = list(selectors.current_tasks(row)[: MAX_SHOWN + 1])
    return {
        "project": project,
        "can": rights_in(project),
        "tab": "batches",
        "batch": row,
        "totals": totals,
        "active": sum(counts.get(status.value, 0) for status in ACTIVE),
        "failed": counts.get(Status.FAILED.value, 0),
        "tasks": tasks[:MAX_SHOWN],
        "more": len(tasks) > MAX_SHOWN,
    }
