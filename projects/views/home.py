"""The list of projects, and making one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from projects import services
from projects.forms import ProjectForm
from projects.models import Role
from projects.selectors import visible_projects
from projects.views.answers import edit_view
from projects.views.decorators import current_user, htmx_details, redirect_htmx

#: More than a person reads; the search finds the others.
MAX_SHOWN = 200
#: From so many projects on, a search field helps.
SEARCH_FROM = 7


@require_GET
def project_list(request: HttpRequest) -> HttpResponse:
    """The projects that the reader may see, their own first."""
    text = request.GET.get("search", "").strip()
    found = visible_projects(request.user).order_by("name")
    if text:
        found = found.filter(Q(name__icontains=text) | Q(description__icontains=text))
    projects: list[Any] = list(found[: MAX_SHOWN + 1])
    more = len(projects) > MAX_SHOWN
    projects = sorted(projects[:MAX_SHOWN], key=lambda project: (project.role is None, project.name))
    for project in projects:
        project.role_label = Role(project.role).label if project.role else ""
    context = {
        "projects": projects,
        "search": text,
        "more": more,
        "show_search": bool(text) or len(projects) >= SEARCH_FROM,
    }
    template = "projects/_cards.html" if htmx_details(request) else "projects/home.html"
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
def new_project(request: HttpRequest) -> HttpResponse:
    """Make a project; its maker owns it, and its messages are in the language that they read."""
    form = ProjectForm(request.POST if request.method == "POST" else None)

    def save() -> HttpResponse:
        made = {**form.cleaned_data, "language": get_language() or settings.LANGUAGE_CODE}
        project = services.create_project(user=current_user(request), **made)
        messages.success(request, _("The project %(name)s was created.") % {"name": project.name})
        return redirect_htmx(request, reverse("project", args=[project.name]))

    return edit_view(request, form, save, template="projects/new.html", context={}, back=reverse("projects"))
