"""Whose signatures count: in a project's settings, and for the installation on a page of its own."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from imageimport.forms.trust import TrustForm
from imageimport.models import TrustAnchor
from imageimport.policy import trust
from projects.models import Project, Role
from projects.views.answers import edit_view, settings_of
from projects.views.decorators import current_user, project_view, redirect_htmx, superuser_view


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Trust a key or an identity in the project."""
    return _edit(request, project, settings_of(project, "trust"))


@require_POST
@project_view(Role.MAINTAINER)
def delete(request: HttpRequest, project: Project, trust_id: UUID) -> HttpResponse:
    """Trust it no longer."""
    _delete(request, get_object_or_404(trust.of_project(project).select_related("project"), pk=trust_id))
    return redirect(settings_of(project, "trust"))


@require_GET
@superuser_view
def installation(request: HttpRequest) -> HttpResponse:
    """Those whose signatures count in every project."""
    return render(request, "imageimport/trust/list.html", {"anchors": trust.of_installation()})


@require_http_methods(["GET", "POST"])
@superuser_view
def installation_add(request: HttpRequest) -> HttpResponse:
    """Trust a key or an identity in every project."""
    return _edit(request, None, reverse("trust"))


@require_POST
@superuser_view
def installation_delete(request: HttpRequest, trust_id: UUID) -> HttpResponse:
    """Trust it no longer, in any project."""
    _delete(request, get_object_or_404(trust.of_installation(), pk=trust_id))
    return redirect("trust")


def _edit(request: HttpRequest, project: Project | None, back: str) -> HttpResponse:
    form = TrustForm(request.POST if request.method == "POST" else None, auto_id="trust-%s")

    def save() -> HttpResponse:
        made = trust.create(project=project, user=current_user(request), wanted=form.wanted())
        messages.success(request, _("%(name)s is now a trusted signer.") % {"name": made.name})
        return redirect_htmx(request, back)

    context = {"project": project}
    return edit_view(request, form, save, template="imageimport/trust/form.html", context=context, back=back)


def _delete(request: HttpRequest, anchor: TrustAnchor) -> None:
    trust.delete(anchor=anchor)
    messages.success(request, _("%(name)s is no longer a trusted signer.") % {"name": anchor.name})
