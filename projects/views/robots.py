"""Robot accounts: made with a secret that is shown once, and revoked."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.snippets import sign_in_snippets
from projects import services
from projects.forms import RobotForm
from projects.models import Project, Robot, Role
from projects.views.answers import edit_view, settings_of
from projects.views.decorators import current_user, project_view, render_dialog


@never_cache
@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """A new robot; the answer shows its secret, this once."""
    form = RobotForm(request.POST if request.method == "POST" else None, auto_id="robot-%s")
    back = settings_of(project, "robots")
    context = {"form": form, "project": project}

    def save() -> HttpResponse:
        robot, secret = services.create_robot(project=project, by=current_user(request), **form.cleaned_data)
        snippets = sign_in_snippets(username=robot.login, secret=secret, name=project.name)
        made = {"robot": robot, "secret": secret, "snippets": snippets}
        return render_dialog(request, "projects/settings/robot_made.html", context | made, back=back)

    return edit_view(request, form, save, template="projects/settings/robot.html", context=context, back=back)


@require_POST
@project_view(Role.MAINTAINER)
def remove(request: HttpRequest, project: Project, robot_id: UUID) -> HttpResponse:
    """Revoke a robot at once."""
    robot = get_object_or_404(Robot.objects.filter(project=project).select_related("project"), pk=robot_id)
    services.delete_robot(robot=robot)
    messages.success(request, _("The robot account %(name)s was revoked.") % {"name": robot.name})
    return redirect(settings_of(project, "robots"))
