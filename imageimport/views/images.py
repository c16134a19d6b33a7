"""One tag: what it is, how it is pulled, what it named before."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.preferences import pull_client_of
from imageimport import restore as restoring
from imageimport import selectors, timeline
from projects import protection
from projects.commands import address, kind_of, pull_commands, pull_ways
from projects.models import Project, Role
from projects.selectors import images_of
from projects.views.answers import refusals_at, render_project
from projects.views.decorators import project_view

#: Entries of the timeline and imports that are shown.
MAX_SHOWN = 20


@require_GET
@project_view(Role.VIEWER)
def image(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Its platforms, commands, timeline and latest imports."""
    row = get_object_or_404(images_of(project), pk=image_id)
    context = {
        "image": row,
        "address": address(row),
        "kind": kind_of(row.artifact_type),
        "pulls": pull_commands(row),
        "ways": pull_ways(row, pull_client_of(request)),
        "timeline": list(timeline.of_image(row)[:MAX_SHOWN]),
        "imports": list(selectors.tasks_to(row)[:MAX_SHOWN]),
        "brought": selectors.brought(row),
        "protected_by": protection.pattern_for(project, row.repository, row.tag),
        "put_back": protection.put_back_last(row),
    }
    return render_project(request, project, "imageimport/image.html", context, tab="images")


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("image")
def restore(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Let the tag name an earlier digest again."""
    row = get_object_or_404(images_of(project), pk=image_id)
    digest = request.POST.get("digest", "")
    restoring.restore(image=row, digest=digest)
    messages.success(request, _("%(image)s was rolled back to the earlier image.") % {"image": row})
    return redirect("image", project.name, row.pk)
