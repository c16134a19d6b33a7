"""A project's own settings: description, visibility, language; how fast and when imports read; what pulls bring."""

from __future__ import annotations

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from projects import services
from projects.forms import FirstPullForm, ProjectDetailsForm, ProjectLimitsForm
from projects.models import Project, Role
from projects.views.answers import edit_view, settings_of
from projects.views.decorators import project_view, redirect_htmx


@require_http_methods(["GET", "POST"])
@project_view(Role.OWNER)
def edit(request: HttpRequest, project: Project) -> HttpResponse:
    """Description, visibility and the language of messages."""
    form = ProjectDetailsForm(_posted(request), instance=project, auto_id="project-%s")
    return _edited(request, project, form, template="project", part="general")


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def limits(request: HttpRequest, project: Project) -> HttpResponse:
    """Bandwidth, hours and default platforms."""
    now = {"bandwidth": project.bandwidth or "", "window": project.window, "platforms": project.platforms}
    form = ProjectLimitsForm(_posted(request), initial=now, auto_id="project-%s")
    return _edited(request, project, form, template="limits", part="limits")


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def first_pull(request: HttpRequest, project: Project) -> HttpResponse:
    """Whose pull imports what is missing, and how long a tag is fresh."""
    form = FirstPullForm(_posted(request), instance=project, auto_id="first-pull-%s")
    return _edited(request, project, form, template="first_pull", part="first-pull")


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _edited(
    request: HttpRequest, project: Project, form: BaseForm, *, template: str, part: str
) -> HttpResponse:
    """The form; once it is right, what it changes of the project, and back to its part of the settings."""
    back = settings_of(project, part)

    def save() -> HttpResponse:
        services.update_project(project=project, changes=dict(form.cleaned_data))
        messages.success(request, _saved_message(form))
        return redirect_htmx(request, back)

    context = {"project": project}
    return edit_view(
        request, form, save, template=f"projects/settings/{template}.html", context=context, back=back
    )


def _saved_message(form: BaseForm) -> str:
    if "visibility" in form.changed_data and form.cleaned_data["visibility"] == Project.Visibility.PUBLIC:
        return _("The project is now public: anyone can pull its images without signing in.")
    return _("The project was saved.")
