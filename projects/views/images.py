"""Taking a tag out of a project."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from oci.errors import OciError
from projects.forms import ConfirmForm
from projects.models import Image, Project, Role
from projects.registry import removal
from projects.selectors import images_of
from projects.views.decorators import asked, go, project_view, user_of


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def delete_image(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Says what else goes, asks for the typed name, and removes the tag."""
    image = get_object_or_404(images_of(project), pk=image_id)
    form = ConfirmForm(request.POST if request.method == "POST" else None, expected=str(image))
    back = reverse("project", args=[project.name])
    if request.method == "POST" and form.is_valid():
        try:
            removal.delete_image(image=image, user=user_of(request), request=request)
        except OciError as exc:
            form.add_error(None, sentence_of(exc))
        else:
            messages.success(request, _("%(image)s was deleted.") % {"image": image})
            return go(request, back)
    context = {"form": form, "image": image, "project": project, "others": _same_digest(image)}
    return asked(
        request, "projects/delete_image.html", context, back=back, status=422 if form.is_bound else 200
    )


def sentence_of(error: OciError) -> str:
    """What went wrong at the registry, in the reader's language."""
    sentence = _(error.template)
    return sentence % error.params if error.params else sentence


def _same_digest(image: Image) -> list[Image]:
    """Other tags of this repository that name the same image; they stay."""
    rows = Image.objects.filter(project=image.project, digest=image.digest, repository=image.repository)
    return list(rows.exclude(pk=image.pk)[:20])
