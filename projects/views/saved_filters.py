"""Keeping a list's filter, and letting it go."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.exceptions import Refusal
from projects.models import Project, Role, SavedFilter
from projects.search import saved_filters
from projects.views.decorators import current_user, project_view

#: Where each list is.
_PAGES = {SavedFilter.List.IMAGES: "project", SavedFilter.List.IMPORTS: "imports"}


@require_POST
@project_view(Role.VIEWER)
def save(request: HttpRequest, project: Project) -> HttpResponse:
    """Keep the filter of the page that the form stands on."""
    of, query = request.POST.get("list", ""), request.POST.get("query", "")
    if of not in _PAGES:
        return redirect("project", project.name)
    kept = ""
    with Refusal() as refusal:
        row = saved_filters.save(
            project=project, user=current_user(request), of=of, name=request.POST.get("name", ""), query=query
        )
        kept = row.query
        messages.success(request, _("The filter %(name)s was saved.") % {"name": row.name})
    if refusal:
        kept = saved_filters.narrowed(of, query)
        messages.error(request, refusal.detail)
    return _back(project, of, kept)


@require_POST
@project_view(Role.VIEWER)
def delete(request: HttpRequest, project: Project, filter_id: UUID) -> HttpResponse:
    """Let one of the reader's own go; another member's stays as it is."""
    row = get_object_or_404(SavedFilter, project=project, pk=filter_id)
    if row.user_id != current_user(request).pk:
        return redirect("project", project.name)
    row.delete()
    messages.success(request, _("The filter %(name)s was deleted.") % {"name": row.name})
    return _back(project, row.list, "")


def _back(project: Project, of: str, query: str) -> HttpResponse:
    url = reverse(_PAGES[SavedFilter.List(of)], args=[project.name])
    return redirect(f"{url}?{query}" if query else url)
