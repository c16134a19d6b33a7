"""The page of a project's repositories."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from projects.models import Project, Role
from projects.repositories import ORDERS, Repositories
from projects.views.answers import render_project
from projects.views.decorators import project_view
from projects.views.pagination import page_size

_NUMBER: Final = 6


@require_GET
@project_view(Role.VIEWER)
def repositories(request: HttpRequest, project: Project) -> HttpResponse:
    """Names, newest tags, sizes and pulls; ``?order=`` sorts, ``?from=`` is where the page begins."""
    order = request.GET.get("order", "")
    if order.removeprefix("-") not in ORDERS:
        order = "repository"
    search = request.GET.get("search", "").strip()
    found = Repositories(project, search=search, ordering=order)
    size, asked = page_size(request), request.GET.get("from", "")
    start = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _NUMBER else 0
    context = {
        "rows": found[start : start + size],
        "search": search,
        "order": order,
        "start": start,
        "earlier": max(0, start - size) if start else None,
        "later": start + size if start + size < len(found) else None,
        "total": len(found),
    }
    return render_project(request, project, "projects/repositories.html", context, tab="repositories")
