"""Vulnerabilities of an image, and the scanners of those who run the portal."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects.forms import ScannerForm
from projects.models import Image, ImageScan, Project, Role, Scanner
from projects.scanning import selectors, services
from projects.scanning.filters import Filter
from projects.selectors import images_of
from projects.views.answers import edit_view, refusals_at
from projects.views.contents import image_page, paged
from projects.views.decorators import current_user, project_view, redirect_htmx, superuser_view

_ACTIVE = (ImageScan.State.QUEUED, ImageScan.State.RUNNING)


@image_page("vulnerabilities", polls=True)
def vulnerabilities(request: HttpRequest, image: Image) -> dict[str, Any]:
    """What a scanner found in the digest that the tag names now."""
    summary = selectors.summary_of(image)
    asked = Filter.of(request.GET)
    rows = asked.apply(selectors.findings_of(image))
    return {
        "summary": summary,
        "asked": asked,
        "page": paged(request, rows) if summary.known else None,
        "polls": summary.state in _ACTIVE,
        "fault": summary.detail,
    }


@require_POST
@project_view(Role.DEVELOPER)
@refusals_at("image-vulnerabilities")
def scan(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Have the image scanned."""
    image = get_object_or_404(images_of(project), pk=image_id)
    services.request_scan(image=image)
    return redirect("image-vulnerabilities", project.name, image.pk)


@require_GET
@superuser_view
def scanner_list(request: HttpRequest) -> HttpResponse:
    """All scanners."""
    return render(request, "projects/scanners/list.html", {"scanners": Scanner.objects.all()})


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@superuser_view
def add(request: HttpRequest) -> HttpResponse:
    """Name a scanner."""
    return _edit(request, None)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@superuser_view
def edit(request: HttpRequest, scanner_id: UUID) -> HttpResponse:
    """Change a scanner."""
    return _edit(request, get_object_or_404(Scanner, pk=scanner_id))


@require_POST
@superuser_view
def delete(request: HttpRequest, scanner_id: UUID) -> HttpResponse:
    """Take a scanner away."""
    scanner = get_object_or_404(Scanner, pk=scanner_id)
    services.delete(scanner=scanner)
    messages.success(request, _("The scanner %(name)s was deleted.") % {"name": scanner.name})
    return redirect("scanners")


def _edit(request: HttpRequest, scanner: Scanner | None) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = ScannerForm(posted, scanner=scanner, auto_id="scanner-%s")
    back = reverse("scanners")

    def save() -> HttpResponse:
        values = form.values()
        if scanner is None:
            services.create(user=current_user(request), **values)
        else:
            services.update(scanner=scanner, changes=values)
        messages.success(request, _("The scanner %(name)s was saved.") % {"name": values["name"]})
        return redirect_htmx(request, back)

    context = {"scanner": scanner}
    return edit_view(request, form, save, template="projects/scanners/form.html", context=context, back=back)
