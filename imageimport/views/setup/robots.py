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
from imageimport.views.setup.members import settings_of
from projects import services
from projects.forms import RobotForm
from projects.models import Project, Robot, Role
from projects.views.decorators import asked, project_view, user_of


@never_cache
@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """A new robot; the answer shows its secret, this once."""
    form = RobotForm(request.POST if request.method == "POST" else None, auto_id="robot-%s")
    back = settings_of(project, "robots")
    context = {"form": form, "project": project}
    if request.method == "POST" and form.is_valid():
        try:
            robot, secret = services.create_robot(
                project=project, by=user_of(request), request=request, **form.cleaned_data
            )
        except services.Taken:
            form.add_error("name", _("There is a robot of this name already."))
        else:
            snippets = sign_in_snippets(username=robot.login, secret=secret, name=project.name)
            context |= {"robot": robot, "secret": secret, "snippets": snippets}
            return asked(request, "imageimport/settings/robot_made.html", context, back=back)
    return asked(
        request, "imageimport/settings/robot.html", context, back=back, status=422 if form.is_bound else 200
    )


@require_POST
@project_view(Role.MAINTAINER)
def remove(request: HttpRequest, project: Project, robot_id: UUID) -> HttpResponse:
    """Revoke a robot at once."""
    robot = get_object_or_404(Robot.objects.filter(project=project).select_related("project"), pk=robot_id)
    services.delete_robot(robot=robot, by=user_of(request), request=request)
    messages.success(request, _("The robot %(name)s is revoked.") % {"name": robot.name})
    return redirect(settings_of(project, "robots"))
