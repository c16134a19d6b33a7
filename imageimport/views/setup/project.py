"""The project itself: its description, and its end."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from imageimport.choices import ACTIVE
from imageimport.models import ImportTask
from imageimport.views.setup.members import settings_of
from oci.errors import OciError
from projects import services
from projects.forms import ConfirmForm, ProjectDetailsForm
from projects.models import Project, Role
from projects.registry import removal
from projects.views.decorators import asked, go, project_view, user_of
from projects.views.images import sentence_of


@require_http_methods(["GET", "POST"])
@project_view(Role.OWNER)
def edit(request: HttpRequest, project: Project) -> HttpResponse:
    """Description and visibility."""
    form = ProjectDetailsForm(
        request.POST if request.method == "POST" else None, instance=project, auto_id="project-%s"
    )
    back = settings_of(project, "general")
    if request.method == "POST" and form.is_valid():
        services.update_project(
            project=project, user=user_of(request), changes=dict(form.cleaned_data), request=request
        )
        messages.success(request, _changed(form))
        return go(request, back)
    context = {"form": form, "project": project}
    return asked(
        request, "imageimport/settings/project.html", context, back=back, status=422 if form.is_bound else 200
    )


def _changed(form: ProjectDetailsForm) -> str:
    if "visibility" in form.changed_data and form.instance.visibility == Project.Visibility.PUBLIC:
        return _("The project is public now: anyone can pull its images without signing in.")
    return _("The project was changed.")


@require_http_methods(["GET", "POST"])
@project_view(Role.OWNER)
def delete(request: HttpRequest, project: Project) -> HttpResponse:
    """Says what goes, asks for the typed name, and deletes the project with its images."""
    form = ConfirmForm(request.POST if request.method == "POST" else None, expected=project.name)
    back = settings_of(project, "danger")
    running = ImportTask.objects.filter(project=project, status__in=ACTIVE).count()
    if request.method == "POST" and form.is_valid():
        try:
            removal.delete_project(project=project, user=user_of(request), request=request)
        except OciError as exc:
            form.add_error(None, sentence_of(exc))
        else:
            messages.success(request, _("The project %(name)s was deleted.") % {"name": project.name})
            return go(request, reverse("home"))
    context = {"form": form, "project": project, "running": running}
    return asked(
        request,
        "imageimport/settings/delete_project.html",
        context,
        back=back,
        status=422 if form.is_bound else 200,
    )
