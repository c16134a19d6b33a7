"""Taking a tag out of a project."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.exceptions import filled
from projects import keeping
from projects.forms import ConfirmForm
from projects.models import Image, Project, Role
from projects.retention import trash
from projects.selectors import images_of
from projects.views.answers import edit_view
from projects.views.decorators import current_user, project_view, redirect_htmx

#: Of many bundles and clusters that use one image, the page names these.
_MAX_USES: Final = 20


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def delete_image(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Says what else goes, asks for the typed name, and removes the tag."""
    image = get_object_or_404(images_of(project), pk=image_id)
    form = ConfirmForm(request.POST if request.method == "POST" else None, expected=str(image))
    back = reverse("project", args=[project.name])

    def save() -> HttpResponse:
        trash.throw_away(image=image, user=current_user(request))
        messages.success(request, _("%(image)s was deleted.") % {"image": image})
        return redirect_htmx(request, back)

    context = {"image": image, "project": project, "others": _same_digest(image), "uses": _uses(image)}
    return edit_view(request, form, save, template="projects/delete_image.html", context=context, back=back)


def _same_digest(image: Image) -> list[Image]:
    """Other tags of this repository that name the same image; they stay."""
    rows = Image.objects.filter(project=image.project, digest=image.digest, repository=image.repository)
    return list(rows.exclude(pk=image.pk)[:20])


def _uses(image: Image) -> list[str]:
    """Why its content stays in the registry all the same, such as a cluster that runs it."""
    digests = [image.digest, *(str(child["digest"]) for child in image.children)]
    held = keeping.holds(image.project, digests, without=keeping.OF_TAGS)
    return list(dict.fromkeys(filled(each.reason, each.params) for each in held))[:_MAX_USES]
