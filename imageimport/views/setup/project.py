"""The end of a project. It stands here and not in projects, since it says how many imports run."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from imageimport.models import ImportTask
from projects.forms import ConfirmForm
from projects.models import Project, Role
from projects.registry import removal
from projects.views.answers import edit_view, settings_of
from projects.views.decorators import current_user, project_view, redirect_htmx


@require_http_methods(["GET", "POST"])
@project_view(Role.OWNER)
def delete(request: HttpRequest, project: Project) -> HttpResponse:
    """Says what goes, asks for the typed name, and deletes the project with its images."""
    form = ConfirmForm(request.POST if request.method == "POST" else None, expected=project.name)
    back = settings_of(project, "danger")
    running = ImportTask.objects.active().filter(project=project).count()

    def save() -> HttpResponse:
        removal.delete_project(project=project, user=current_user(request))
        messages.success(request, _("The project %(name)s was deleted.") % {"name": project.name})
        return redirect_htmx(request, reverse("home"))

    context = {"project": project, "running": running}
    return edit_view(
        request, form, save, template="imageimport/settings/delete_project.html", context=context, back=back
    )
