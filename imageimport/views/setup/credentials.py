"""Saved credentials: add, change, test, delete."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.exceptions import Refusal
from imageimport.credentials import services as credentials
from imageimport.forms.settings import CredentialForm
from imageimport.models import Credential
from projects.models import Project, Role
from projects.views.answers import edit_view, refusals_at, settings_of
from projects.views.decorators import come_back, current_user, htmx_details, project_view, redirect_htmx


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Save a sign-in at a registry."""
    return _edit(request, project, None)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def edit(request: HttpRequest, project: Project, credential_id: UUID) -> HttpResponse:
    """Change one."""
    return _edit(request, project, _credential(project, credential_id))


@require_POST
@project_view(Role.MAINTAINER)
def test(request: HttpRequest, project: Project, credential_id: UUID) -> HttpResponse:
    """Sign in with it, at its own registry."""
    credential = _credential(project, credential_id)
    with Refusal() as refusal:
        tested = credentials.test(credential=credential, user=current_user(request))
    if refusal:
        tested = credentials.not_now(refusal)
    if htmx_details(request):
        fragment = render(request, "imageimport/settings/_tested.html", {"tested": tested})
        return come_back(fragment, tested.retry_after)
    if tested.ok:
        messages.success(request, tested.detail or _("The registry accepted the credentials."))
    else:
        messages.error(request, tested.detail)
    return redirect(settings_of(project, "credentials"))


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("settings#credentials")
def delete(request: HttpRequest, project: Project, credential_id: UUID) -> HttpResponse:
    """Take one away, unless it is needed."""
    credential = _credential(project, credential_id)
    credentials.delete(credential=credential)
    messages.success(request, _("The credential %(name)s was deleted.") % {"name": credential.name})
    return redirect(settings_of(project, "credentials"))


def _edit(request: HttpRequest, project: Project, credential: Credential | None) -> HttpResponse:
    form = CredentialForm(
        request.POST if request.method == "POST" else None, credential=credential, auto_id="credential-%s"
    )
    back = settings_of(project, "credentials")

    def save() -> HttpResponse:
        user = current_user(request)
        if credential is None:
            credentials.create(project=project, user=user, **form.cleaned_data)
        else:
            credentials.update(credential=credential, changes=form.changes())
        messages.success(
            request, _("The credential %(name)s was saved.") % {"name": form.cleaned_data["name"]}
        )
        return redirect_htmx(request, back)

    context = {"project": project, "credential": credential}
    return edit_view(
        request, form, save, template="imageimport/settings/credential.html", context=context, back=back
    )


def _credential(project: Project, credential_id: UUID) -> Credential:
    return get_object_or_404(
        Credential.objects.filter(project=project).select_related("project"), pk=credential_id
    )
