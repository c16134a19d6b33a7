"""The list of projects, and making one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from projects import services
from projects.forms import TOO_MANY_PROJECTS, ProjectForm
from projects.models import Role
from projects.selectors import visible_projects
from projects.views.decorators import asked, go, htmx_of, signed_in, user_of

#: More than a person reads; the search finds the others.
MAX_SHOWN = 200
#: From so many projects on, a search field helps.
SEARCH_FROM = 7


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """The projects that the reader may see, his own first."""
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
    template = "projects/_cards.html" if htmx_of(request) else "projects/home.html"
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
@signed_in
def new_project(request: HttpRequest) -> HttpResponse:
    """Make a project; its maker owns it."""
    form = ProjectForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            project = services.create_project(user=user_of(request), request=request, **form.cleaned_data)
        except services.TooManyProjects as exc:
            form.add_error(None, TOO_MANY_PROJECTS % {"limit": exc.limit})
        except services.HeldBack:
            form.add_error(
                "name", _("A project of this name was deleted. Only a superuser can give the name again.")
            )
        except services.Taken:
            form.add_error("name", _("There is a project of this name already."))
        else:
            messages.success(request, _("Project %(name)s is ready.") % {"name": project.name})
            return go(request, reverse("project", args=[project.name]))
    status = 422 if form.is_bound else 200
    return asked(request, "projects/new.html", {"form": form}, back=reverse("home"), status=status)
