"""What is done with several rows of a list at once: images exported, copied, imported again, scanned or deleted,
imports tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.exceptions import Refusal
from imageimport import selectors
from imageimport.batches import again
from imageimport.batches.copies import copy_images
from imageimport.forms.copies import CopyForm
from imageimport.submission import services
from imageimport.views.bundles import bundle_form
from oci.errors import OciError
from projects.forms import ConfirmForm
from projects.models import Image, Project, Role
from projects.permissions import reaches
from projects.retention import trash
from projects.scanning import services as scans
from projects.selectors import images_of
from projects.views.answers import take
from projects.views.decorators import current_rights, current_user, project_view

#: Rows that one action takes: the longest page of a list.
MAX_ROWS: Final = 100
#: Sentences about rows that could not be done.
_MAX_SENTENCES: Final = 5


@require_POST
@project_view(Role.VIEWER)
def images(request: HttpRequest, project: Project) -> HttpResponse:
    """``do`` with the chosen images: ``export``, ``copy`` and ``delete``, which ask first, ``again`` or ``scan``."""
    chosen = list(
        images_of(project).filter(pk__in=_ids(request, "image")).order_by("repository", "tag")[:MAX_ROWS]
    )
    back = redirect("project", project.name)
    if not chosen:
        messages.error(request, _("Select at least one row."))
        return back
    do = request.POST.get("do")
    if do == "export":
        return bundle_form(request, project, [str(image) for image in chosen])
    if do == "copy":
        return _copy(request, project, chosen)
    if do == "again":
        _need(project, Role.DEVELOPER)
        return _import_again(request, project, chosen) or back
    if do == "scan":
        _need(project, Role.DEVELOPER)
        _scan(request, chosen)
    if do == "delete":
        _need(project, Role.MAINTAINER)
        return _delete(request, project, chosen)
    return back


@require_POST
@project_view(Role.DEVELOPER)
def imports(request: HttpRequest, project: Project) -> HttpResponse:
    """Try the chosen imports again, those that ended badly."""
    rows = selectors.to_act_on(project).retryable().filter(pk__in=_ids(request, "task"))
    chosen = list(rows.order_by("created_at", "id")[:MAX_ROWS])
    if not chosen:
        messages.error(request, _("Select at least one failed or canceled import."))
        return redirect("imports", project.name)
    refused: list[str] = []
    for task in chosen:
        with Refusal() as refusal:
            services.retry(task=task, user=current_user(request))
        if refusal:
            refused.append(f"{task.target_name}:{task.target_tag}: {refusal.detail}")
    started = len(chosen) - len(refused)
    if started:
        sentence = ngettext("%(count)d import has started.", "%(count)d imports have started.", started)
        messages.success(request, sentence % {"count": started})
    _say_refused(request, refused)
    return redirect("imports", project.name)


def _import_again(request: HttpRequest, project: Project, chosen: Sequence[Image]) -> HttpResponse | None:
    with Refusal() as refusal:
        made = again.import_again(project=project, user=current_user(request), images=chosen)
        _say_refused(request, made.skipped)
        return redirect("batch", project.name, made.batch.pk) if made.batch else None
    messages.error(request, refusal.detail)
    return None


def _scan(request: HttpRequest, chosen: Sequence[Image]) -> None:
    refused = []
    for image in chosen:
        with Refusal() as refusal:
            scans.request_scan(image=image)
        if refusal.code == "no_scanner":  # for none of them
            messages.error(request, refusal.detail)
            return
        if refusal:
            refused.append(f"{image}: {refusal.detail}")
    if queued := len(chosen) - len(refused):
        sentence = ngettext("%(count)d image will be scanned.", "%(count)d images will be scanned.", queued)
        messages.success(request, sentence % {"count": queued})
    _say_refused(request, refused)


def _copy(request: HttpRequest, project: Project, chosen: Sequence[Image]) -> HttpResponse:
    """Ask for a project and a tag, then import the images from our registry; the form has only projects in which the
    reader may.
    """
    user = current_user(request)
    given = request.POST if "project" in request.POST else None
    form = CopyForm(given, user=user, source=project)
    if form.is_bound and form.is_valid():
        with Refusal() as refusal:
            batch = copy_images(user=user, images=chosen, **form.cleaned_data)
            return redirect("batch", batch.project.name, batch.pk)
        take(form, refusal)
    return _ask(request, project, chosen, form, "imageimport/copy_images.html")


def _delete(request: HttpRequest, project: Project, chosen: Sequence[Image]) -> HttpResponse:
    """Ask for the project's name, then move the tags to the trash."""
    given = request.POST if "confirm" in request.POST else None
    form = ConfirmForm(given, expected=project.name)
    if form.is_bound and form.is_valid():
        refused = _throw_away(request, chosen)
        gone = len(chosen) - len(refused)
        if gone:
            sentence = ngettext("%(count)d image was deleted.", "%(count)d images were deleted.", gone)
            messages.success(request, sentence % {"count": gone})
        _say_refused(request, refused)
        return redirect("project", project.name)
    return _ask(request, project, chosen, form, "imageimport/delete_images.html")


def _ask(
    request: HttpRequest, project: Project, chosen: Sequence[Image], form: BaseForm, template: str
) -> HttpResponse:
    """The page of a form about the chosen images."""
    context: dict[str, Any] = {
        "asked_base": "asked_page.html",
        "action": reverse("images-bulk", args=[project.name]),
        "back": reverse("project", args=[project.name]),
        "form": form,
        "project": project,
        "images": chosen,
    }
    return render(request, template, context, status=422 if form.is_bound else 200)


def _throw_away(request: HttpRequest, chosen: Sequence[Image]) -> list[str]:
    """Returns a sentence for each tag that stays. A registry that is away is asked once, not for every tag."""
    refused: list[str] = []
    for number, image in enumerate(chosen):
        with Refusal() as refusal:
            trash.throw_away(image=image, user=current_user(request))
        if isinstance(refusal.error, OciError):
            return [*refused, *(f"{each}: {refusal.detail}" for each in chosen[number:])]
        if refusal:
            refused.append(f"{image}: {refusal.detail}")
    return refused


def _say_refused(request: HttpRequest, refused: Sequence[str]) -> None:
    for sentence in refused[:_MAX_SENTENCES]:
        messages.error(request, sentence)
    if more := len(refused[_MAX_SENTENCES:]):
        sentence = ngettext(
            "%(count)d more row was left as it is.", "%(count)d more rows were left as they are.", more
        )
        messages.error(request, sentence % {"count": more})


def _need(project: Project, role: Role) -> None:
    if not reaches(current_rights(project).role, role):
        raise PermissionDenied(
            _("You need the role %(role)s in the project %(project)s for this.")
            % {"role": role.label, "project": project.name}
        )


def _ids(request: HttpRequest, name: str) -> list[UUID]:
    """The chosen rows; what is no id is none."""
    found = []
    for text in request.POST.getlist(name)[:MAX_ROWS]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
