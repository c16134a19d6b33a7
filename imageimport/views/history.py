"""The import history of a project, with filters and search in the address."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from imageimport import selectors
from imageimport.choices import ERROR_NAMES, Status
from imageimport.filters import TaskFilter
from imageimport.models import ImportBatch, ImportTask, Schedule
from projects.models import Project, Role, SavedFilter
from projects.search.saved_filters import PARTS, saved_filters
from projects.views.answers import render_project
from projects.views.decorators import current_user, project_view
from projects.views.pagination import page_of

#: What narrows the list; the page has an order of its own.
_KEPT: Final = tuple(name for name in PARTS[SavedFilter.List.IMPORTS] if name != "ordering")
#: Those that are rarely used, behind one line.
_MORE: Final = ("requested_by", "error_code", "created_after", "created_before")


@require_GET
@project_view(Role.VIEWER)
def history(request: HttpRequest, project: Project) -> HttpResponse:
    """A page of imports, newest first."""
    filters = TaskFilter(request.GET, queryset=selectors.tasks_of(project), project=project)
    valid = filters.form.is_valid()
    found = filters.qs if valid else ImportTask.objects.none()
    cleaned: dict[str, Any] = filters.form.cleaned_data if valid else {}
    chosen = set(cleaned.get("status") or [])
    page = page_of(request, found)
    context = {
        "page": page,
        "arrived": selectors.arrived(page.rows),
        "narrowed": not valid or filters.is_narrowed,
        "search": request.GET.get("search", "").strip(),
        "more": {name: request.GET.get(name, "").strip() for name in _MORE},
        "people": selectors.requesters(project),
        "error_names": sorted(ERROR_NAMES.items(), key=lambda item: str(item[1])),
        "statuses": [(status.value, status.label, status.value in chosen) for status in Status],
        "batch": _named(ImportBatch, project, cleaned.get("batch")),
        "schedule": _named(Schedule, project, cleaned.get("schedule")),
        "kept": [(key, value) for key in _KEPT for value in request.GET.getlist(key) if value],
        "saved_list": SavedFilter.List.IMPORTS,
        "saved_filters": saved_filters(
            project=project, user=current_user(request), of=SavedFilter.List.IMPORTS
        ),
        "list_url": reverse("imports", args=[project.name]),
    }
    return render_project(request, project, "imageimport/history.html", context, tab="imports")


def _named(model: Any, project: Project, pk: Any) -> Any:
    return model.objects.filter(project=project, pk=pk).first() if pk else None
