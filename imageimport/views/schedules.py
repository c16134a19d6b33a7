"""Scheduled syncs: the list, one with its runs, and its form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from imageimport.forms.schedules import CRON_SAMPLES, ZONE_SAMPLES, ScheduleForm
from imageimport.messages import parts, shown
from imageimport.models import Schedule, ScheduleRun
from imageimport.schedules import fights
from imageimport.schedules import services as schedules
from projects.models import Project, Role
from projects.views.answers import edit_view, refusals_at, render_project
from projects.views.decorators import current_user, htmx_details, project_view, redirect_htmx
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
    return render_project(
        request, project, "imageimport/schedules.html", {"schedules": rows}, tab="schedules"
    )


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
        "schedule": row,
        "page": page,
        "runs_now": any(run.ended_at is None for run in page.rows),
        "kept": [],
    }
    template = "imageimport/_schedule.html" if htmx_details(request) else "imageimport/schedule.html"
    return render_project(request, project, template, context, tab="schedules")


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
@refusals_at("schedule")
def run(request: HttpRequest, project: Project, schedule_id: UUID) -> HttpResponse:
    """Run it now, whatever its clock says."""
    row = _schedule(project, schedule_id)
    schedules.run_now(schedule=row, user=current_user(request))
    messages.success(request, _("The run has started."))
    return redirect("schedule", project.name, row.pk)


@require_POST
@project_view(Role.MAINTAINER)
def delete(request: HttpRequest, project: Project, schedule_id: UUID) -> HttpResponse:
    """Stop keeping it in step; what was imported stays."""
    row = _schedule(project, schedule_id)
    schedules.delete(schedule=row)
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

    def save() -> HttpResponse:
        saved = _save(request, project, row, form.cleaned_data)
        messages.success(request, _("The scheduled sync was saved."))
        for warning in fights.of_schedule(saved):
            messages.warning(request, warning)
        return redirect_htmx(request, reverse("schedule", args=[project.name, saved.pk]))

    context = {
        "project": project,
        "schedule": row,
        "cron_samples": CRON_SAMPLES,
        "zone_samples": ZONE_SAMPLES,
    }
    return edit_view(
        request, form, save, template="imageimport/schedule_form.html", context=context, back=back
    )


def _save(request: HttpRequest, project: Project, row: Schedule | None, fields: dict[str, Any]) -> Schedule:
    user = current_user(request)
    if row is None:
        if fields["platforms"] == project.platforms:  # Left as the project has it, it is no choice.
            fields = {**fields, "platforms": None}
        return schedules.create(project=project, user=user, wanted=schedules.NewSchedule(**fields))
    return schedules.update(schedule=row, user=user, changes=fields)


def _item_error(error: Any) -> str:
    """A tag's failure in the reader's language; rows hold a sentence, or its parts."""
    if isinstance(error, dict):
        return shown("", parts(error.get("template", ""), error.get("params")))
    return str(error or "")


def _schedule(project: Project, schedule_id: UUID) -> Schedule:
    rows = Schedule.objects.filter(project=project).select_related("project", "credential", "created_by")
    return get_object_or_404(rows, pk=schedule_id)
