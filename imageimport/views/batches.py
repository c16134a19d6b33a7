"""Batches: many imports asked for at once, with their totals."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from imageimport.batches import selectors
from imageimport.batches import services as batches
from imageimport.choices import ACTIVE, Status
from imageimport.models import ImportBatch
from projects.models import Project, Role
from projects.views.answers import refusals_at, render_project
from projects.views.decorators import current_user, htmx_details, project_view
from projects.views.pagination import page_of

#: Rows of one page of a batch; the history shows the others.
MAX_SHOWN = 200


@require_GET
@project_view(Role.VIEWER)
def batch_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Batches of a project, newest first."""
    page = page_of(request, selectors.batches_of(project))
    selectors.add_summaries(page.rows)
    context = {"page": page, "kept": []}
    return render_project(request, project, "imageimport/batches.html", context, tab="batches")


@require_GET
@project_view(Role.VIEWER)
def batch(request: HttpRequest, project: Project, batch_id: UUID) -> HttpResponse:
    """One batch; its fragment is asked for every 2 seconds while it runs."""
    row = _batch(project, batch_id)
    template = "imageimport/_batch.html" if htmx_details(request) else "imageimport/batch.html"
    return render_project(request, project, template, _context(row), tab="batches")


@require_POST
@project_view(Role.DEVELOPER)
@refusals_at("batch")
def cancel(request: HttpRequest, project: Project, batch_id: UUID) -> HttpResponse:
    """Cancel what has not ended."""
    row = _batch(project, batch_id)
    batches.cancel(batch=row)
    return redirect("batch", project.name, row.pk)


@require_POST
@project_view(Role.DEVELOPER)
@refusals_at("batch")
def retry(request: HttpRequest, project: Project, batch_id: UUID) -> HttpResponse:
    """Start again what failed; the new imports take the places of the failed ones."""
    row = _batch(project, batch_id)
    batches.retry(batch=row, user=current_user(request))
    messages.success(request, _("The failed imports were restarted."))
    return redirect("batch", project.name, row.pk)


def _batch(project: Project, batch_id: UUID) -> ImportBatch:
    return get_object_or_404(
        ImportBatch.objects.filter(project=project).select_related("requested_by", "project"), pk=batch_id
    )


def _context(row: ImportBatch) -> dict[str, Any]:
    totals = selectors.totals_of(row)
    counts = totals.counts
    tasks = list(selectors.current_tasks(row)[: MAX_SHOWN + 1])
    return {
        "batch": row,
        "totals": totals,
        "active": sum(counts.get(status.value, 0) for status in ACTIVE),
        "failed": counts.get(Status.FAILED.value, 0),
        "tasks": tasks[:MAX_SHOWN],
        "more": len(tasks) > MAX_SHOWN,
    }
