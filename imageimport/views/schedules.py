"""Scheduled syncs: the list, one with its runs, and its form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from imageimport.exceptions import FieldErrors, Refused
from imageimport.forms.schedules import CRON_SAMPLES, ZONE_SAMPLES, ScheduleForm
from imageimport.messages import parts, shown
from imageimport.models import Schedule, ScheduleRun
from imageimport.schedules import services as schedules
from projects.models import Project, Role
from projects.views.decorators import asked, go, htmx_of, project_view, rights_in, user_of
from projects.views.pagination import page_of


@require_GET
@project_view(Role.VIEWER)
def schedule_list(request: HttpRequest, project: Project) -> HttpResponse:
    """What is kept in step, with next and last run."""
    running = ScheduleRun.objects.filter(schedule=OuterRef("pk"), ended_at=None)
    rows = (
        Schedule.objects.filter(project=project)
        .annotate(runs_now=Exists(running))
        .order_by("image_url", "id")
    )
    context = {"project": project, "can": rights_in(project), "tab": "schedules", "schedules": rows}
    return render(request, "imageimport/schedules.html", context)


@require_GET
@project_view(Role.VIEWER)
def schedule(request: HttpRequest, project: Project, schedule_id: UUID) -> HttpResponse:
    """One sync: its rules and what each run changed."""
    row = _schedule(project, schedule_id)
    page = page_of(
        request, ScheduleRun.objects.filter(schedule=row).select_related("requested_by"), by="started_at"
    )
    for run in page.rows:
        for item in run.items:
            item["sentence"] = _item_error(item.get("error"))
    context = {
        "project": project,
        "can": rights_in(project),
        "tab": "schedules",
        "schedule": row,
        "page": page,
        "runs_now": any(run.ended_at is None for run in page.rows),
        "kept": [],
    }
    template = "imageimport/_schedule.html" if htmx_of(request) else "imageimport/schedule.html"
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Keep a repository in step."""
    return _edit(request, project, None)


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def edit(request: HttpRequest, project: Project, schedule_id: UUID) -> HttpResponse:
    """Change what is kept in step, or when."""
    return _edit(request, project, _schedule(project, schedule_id))


@require_POST
@project_view(Role.MAINTAINER)
def run(request: HttpRequest, project: Project, schedule_id: UUID) -> HttpResponse:
    """Run it now, whatever its clock says."""
    row = _schedule(project, schedule_id)
    try:
        schedules.run_now(schedule=row, user=user_of(request), audit_request=request)
    except Refused as exc:
        messages.error(request, exc.detail)
    else:
        messages.success(request, _("The run has begun."))
    return redirect("schedule", project.name, row.pk)


@require_POST
@project_view(Role.MAINTAINER)
def delete(request: HttpRequest, project: Project, schedule_id: UUID) -> HttpResponse:
    """Stop keeping it in step; what was imported stays."""
    row = _schedule(project, schedule_id)
    schedules.delete(schedule=row, user=user_of(request), audit_request=request)
    messages.success(request, _("The scheduled sync of %(image)s was deleted.") % {"image": row.image_url})
    return redirect("schedules", project.name)


def _edit(request: HttpRequest, project: Project, row: Schedule | None) -> HttpResponse:
    form = ScheduleForm(
        request.POST if request.method == "POST" else None,
        project=project,
        schedule=row,
        auto_id="schedule-%s",
    )
    back = (
        reverse("schedule", args=[project.name, row.pk]) if row else reverse("schedules", args=[project.name])
    )
    if request.method == "POST" and form.is_valid():
        try:
            row = _save(request, project, row, form.cleaned_data)
        except FieldErrors as exc:
            for name, sentences in exc.errors.items():
                form.add_error(name if name in form.fields else None, sentences)
        else:
            messages.success(request, _("The scheduled sync is saved."))
            return go(request, reverse("schedule", args=[project.name, row.pk]))
    context = {
        "form": form,
        "project": project,
        "schedule": row,
        "cron_samples": CRON_SAMPLES,
        "zone_samples": ZONE_SAMPLES,
    }
    return asked(
        request, "imageimport/schedule_form.html", context, back=back, status=422 if form.is_bound else 200
    )


def _save(request: HttpRequest, project: Project, row: Schedule | None, fields: dict[str, Any]) -> Schedule:
    user = user_of(request)
    if row is None:
        return schedules.create(project=project, user=user, audit_request=request, **fields)
    return schedules.update(schedule=row, user=user, changes=fields, audit_request=request)


def _item_error(error: Any) -> str:
    """A tag's failure in the reader's language; rows hold a sentence, or its parts."""
    if isinstance(error, dict):
        return shown("", parts(error.get("template", ""), error.get("params")))
    return str(error or "")


def _schedule(project: Project, schedule_id: UUID) -> Schedule:
    rows = Schedule.objects.filter(project=project).select_related("project", "credential", "created_by")
    return get_object_or_404(rows, pk=schedule_id)
