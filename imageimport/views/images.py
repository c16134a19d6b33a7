"""One tag: what it is, how it is pulled, what it named before."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.preferences import pull_client_of
from imageimport import restore as restoring
from imageimport import selectors, timeline
from imageimport.exceptions import Refused
from oci.errors import OciError
from projects.models import Project, Role
from projects.pull_commands import address, kind_of, pull_commands, pull_ways
from projects.selectors import images_of
from projects.views.decorators import project_view, rights_in, user_of
from projects.views.images import sentence_of

#: Entries of the timeline and imports that are shown.
MAX_SHOWN = 20


@require_GET
@project_view(Role.VIEWER)
def image(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Its platforms, commands, timeline and latest imports."""
    row = get_object_or_404(images_of(project), pk=image_id)
    imports = selectors.tasks_of(project).filter(target_name=row.repository, target_tag=row.tag)
    context = {
        "project": project,
        "can": rights_in(project),
        "tab": "images",
        "image": row,
        "address": address(row),
        "kind": kind_of(row.artifact_type),
        "pulls": pull_commands(row),
        "ways": pull_ways(row, pull_client_of(request)),
        "timeline": list(timeline.of_image(row)[:MAX_SHOWN]),
        "imports": list(imports[:MAX_SHOWN]),
        "brought": selectors.brought(row),
    }
    return render(request, "imageimport/image.html", context)


@require_POST
@project_view(Role.MAINTAINER)
def restore(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Let the tag name an earlier digest again."""
    row = get_object_or_404(images_of(project), pk=image_id)
    digest = request.POST.get("digest", "")
    try:
        restoring.restore(image=row, digest=digest, user=user_of(request), audit_request=request)
    except Refused as exc:
        messages.error(request, exc.detail)
    except OciError as exc:
        messages.error(request, sentence_of(exc))
    else:
        messages.success(request, _("%(image)s names the earlier image again.") % {"image": row})
    return redirect("image", project.name, row.pk)
