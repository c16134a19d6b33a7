"""The trash of a project, and bringing back what is in it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from projects.models import Project, Role, TrashedTag
from projects.retention import trash
from projects.views.answers import refusals_at, render_project
from projects.views.decorators import project_view
from projects.views.pagination import page_of


@require_GET
@project_view(Role.VIEWER)
def trash_list(request: HttpRequest, project: Project) -> HttpResponse:
    """What can be restored, removed last first."""
    context = {
        "page": page_of(request, trash.trash_of(project), by="removed_at"),
        "kept": [],
        "list_url": reverse("trash", args=[project.name]),
    }
    return render_project(request, project, "projects/trash.html", context, tab="images")


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("trash", given=())
def restore(request: HttpRequest, project: Project, trash_id: UUID) -> HttpResponse:
    """Bring a tag back."""
    row = _row(project, trash_id)
    image = trash.restore(trashed=row)
    messages.success(request, _("%(image)s was restored.") % {"image": image})
    return redirect("trash", project.name)


@require_POST
@project_view(Role.MAINTAINER)
def let_go(request: HttpRequest, project: Project, trash_id: UUID) -> HttpResponse:
    """Give one up before its time."""
    row = _row(project, trash_id)
    trash.let_go(rows=TrashedTag.objects.filter(pk=row.pk))
    messages.success(request, _("%(image)s was deleted.") % {"image": row})
    return redirect("trash", project.name)


@require_POST
@project_view(Role.MAINTAINER)
def empty(request: HttpRequest, project: Project) -> HttpResponse:
    """Give up all of it."""
    trash.let_go(rows=TrashedTag.objects.filter(project=project))
    messages.success(request, _("The trash is empty."))
    return redirect("trash", project.name)


def _row(project: Project, trash_id: UUID) -> TrashedTag:
    return get_object_or_404(trash.trash_of(project), pk=trash_id)
