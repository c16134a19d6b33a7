"""Bundles: the list, one with its files, and the form that shows the size before one is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.exceptions import Refusal
from imageimport.bundles import selectors, services
from imageimport.bundles.commands import commands_of
from imageimport.bundles.composing import Composition
from imageimport.forms.bundles import BundleForm
from imageimport.messages import shown
from imageimport.models import Bundle, ImportBatch, ImportTask, Schedule
from projects.models import Image, Project, Role
from projects.views.answers import render_project, take
from projects.views.decorators import current_rights, current_user, project_view
from projects.views.pagination import page_of


@require_GET
@project_view(Role.VIEWER)
def bundle_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Bundles of a project, newest first."""
    page = page_of(request, selectors.bundles_of(project))
    context = {"page": page, "kept": [], "receipt_url": reverse("api-receipt", args=[project.pk])}
    return render_project(request, project, "imageimport/bundles.html", context, tab="bundles")


@require_GET
@project_view(Role.VIEWER)
def bundle(request: HttpRequest, project: Project, bundle_id: UUID) -> HttpResponse:
    """One bundle: its files, how they are downloaded, checked and used."""
    row = get_object_or_404(selectors.bundles_of(project), pk=bundle_id)
    paths = [
        reverse("api-bundle-volume-detail", args=[project.pk, row.pk, number])
        for number in range(1, len(row.volumes) + 1)
    ]
    context = {
        "bundle": row,
        "volumes": [
            {"name": selectors.file_name(row, number), "size": size, "path": path}
            for number, (size, path) in enumerate(zip(row.volumes, paths, strict=True), start=1)
        ],
        "commands": commands_of(row, [request.build_absolute_uri(path) for path in paths]),
        "notes": [shown("", note) for note in row.notes],
        "may_delete": _may_delete(request, project, row),
    }
    return render_project(request, project, "imageimport/bundle.html", context, tab="bundles")


@require_http_methods(["GET", "POST"])
@project_view(Role.VIEWER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Choose images, see the size, make the bundle."""
    _need_member(project)
    if request.method != "POST":
        initial = {"images": "\n".join(_chosen(request, project))}
        return _form(request, project, BundleForm(project=project, initial=initial))
    form = BundleForm(request.POST, request.FILES, project=project)
    if not form.is_valid():
        return _form(request, project, form, status=422)
    with Refusal() as refusal:
        asked = form.to_request()
        if request.POST.get("do") == "plan":
            return _form(request, project, form, services.plan(project=project, request=asked))
        made = services.create(project=project, user=current_user(request), request=asked)
        messages.success(request, _("The bundle is ready to download."))
        return redirect("bundle", project.name, made.pk)
    take(form, refusal)
    return _form(request, project, form, status=422)


@require_POST
@project_view(Role.VIEWER)
def delete(request: HttpRequest, project: Project, bundle_id: UUID) -> HttpResponse:
    """Take a bundle away; the images stay."""
    row = get_object_or_404(selectors.bundles_of(project), pk=bundle_id)
    if not _may_delete(request, project, row):
        raise PermissionDenied(_("Only maintainers and the person who created a bundle can delete it."))
    services.delete(bundle=row)
    messages.success(request, _("The bundle %(name)s was deleted.") % {"name": row.name})
    return redirect("bundles", project.name)


def _form(
    request: HttpRequest,
    project: Project,
    form: BundleForm,
    plan: Composition | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    notes = (
        [shown("", {"template": template, "params": params}) for template, params in plan.notes]
        if plan
        else []
    )
    context: dict[str, Any] = {"form": form, "plan": plan, "notes": notes}
    response = render_project(request, project, "imageimport/bundle_new.html", context, tab="bundles")
    response.status_code = status
    return response


def _chosen(request: HttpRequest, project: Project) -> list[str]:
    """The images that the page came from: one, or those of a batch or of a scheduled sync."""
    asked = request.GET
    try:
        if "image" in asked:
            return [str(get_object_or_404(Image, project=project, pk=UUID(asked["image"])))]
        tasks = ImportTask.objects.all()
        if "batch" in asked:
            batch = get_object_or_404(ImportBatch, project=project, pk=UUID(asked["batch"]))
            return selectors.images_brought(project, tasks.filter(batch=batch))
        if "schedule" in asked:
            schedule = get_object_or_404(Schedule, project=project, pk=UUID(asked["schedule"]))
            return selectors.images_brought(project, tasks.filter(schedule=schedule))
    except ValueError:
        pass  # No id: the form is as empty as without one.
    return []


def bundle_form(request: HttpRequest, project: Project, images: Sequence[str]) -> HttpResponse:
    """The form with these images in it, ``name:tag`` each.

    :raises PermissionDenied: the reader is no member.
    """
    _need_member(project)
    return _form(request, project, BundleForm(project=project, initial={"images": "\n".join(images)}))


def _need_member(project: Project) -> None:
    if not current_rights(project).member:
        raise PermissionDenied(_("Only members of the project can create bundles."))


def _may_delete(request: HttpRequest, project: Project, row: Bundle) -> bool:
    return current_rights(project).maintain or row.created_by_id == current_user(request).pk
