"""Imports that wait for approval: the list, and what is decided."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from imageimport import selectors
from imageimport.forms.policy import RejectForm
from imageimport.models import ImportTask
from imageimport.requests import services
from projects.models import Project, Role
from projects.views.answers import edit_view, refusals_at, render_project
from projects.views.decorators import current_user, project_view, redirect_htmx
from projects.views.pagination import page_of


@require_GET
@project_view(Role.VIEWER)
def request_list(request: HttpRequest, project: Project) -> HttpResponse:
    """What waits for approval in a project, newest first."""
    page = page_of(request, selectors.requested(project))
    context: dict[str, Any] = {"page": page, "kept": [], "list_url": reverse("requests", args=[project.name])}
    return render_project(request, project, "imageimport/policy/requests.html", context, tab="requests")


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("import-detail")
def approve(request: HttpRequest, project: Project, task_id: UUID) -> HttpResponse:
    """Let an import begin, for the digest that the page showed."""
    task = _task(project, task_id)
    services.approve(task=task, user=current_user(request), shown=request.POST.get("digest", ""))
    messages.success(request, _("The import of %(image)s was approved.") % {"image": task.source_image})
    return redirect("import-detail", project.name, task.pk)


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def reject(request: HttpRequest, project: Project, task_id: UUID) -> HttpResponse:
    """Ask for the reason, and end a request with it."""
    task = _task(project, task_id)
    form = RejectForm(request.POST if request.method == "POST" else None, auto_id="reject-%s")
    back = reverse("import-detail", args=[project.name, task.pk])

    def save() -> HttpResponse:
        services.reject(task=task, user=current_user(request), reason=form.cleaned_data["reason"])
        messages.success(request, _("The request for %(image)s was rejected.") % {"image": task.source_image})
        return redirect_htmx(request, back)

    context = {"task": task, "project": project}
    return edit_view(
        request, form, save, template="imageimport/policy/reject.html", context=context, back=back
    )


def _task(project: Project, task_id: UUID) -> ImportTask:
    rows = selectors.to_act_on(project).select_related("requested_by", "approval")
    return get_object_or_404(rows, pk=task_id)
