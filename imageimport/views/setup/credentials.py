"""Saved credentials: add, change, test, delete."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from imageimport.credentials import services as credentials
from imageimport.exceptions import FieldErrors, Refused
from imageimport.forms.settings import CredentialForm
from imageimport.models import Credential
from imageimport.views.setup.members import settings_of
from projects.models import Project, Role
from projects.places import AllTaken
from projects.views.decorators import asked, come_back, go, htmx_of, project_view, user_of


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
    try:
        tested = credentials.test(credential=credential, user=user_of(request))
    except AllTaken as exc:
        tested = credentials.not_now(exc)
    if htmx_of(request):
        fragment = render(request, "imageimport/settings/_tested.html", {"tested": tested})
        return come_back(fragment, tested.retry_after)
    if tested.ok:
        messages.success(request, tested.detail or _("The registry accepts it."))
    else:
        messages.error(request, tested.detail)
    return redirect(settings_of(project, "credentials"))


@require_POST
@project_view(Role.MAINTAINER)
def delete(request: HttpRequest, project: Project, credential_id: UUID) -> HttpResponse:
    """Take one away, unless it is needed."""
    credential = _credential(project, credential_id)
    try:
        credentials.delete(credential=credential, user=user_of(request), audit_request=request)
    except Refused as exc:
        messages.error(request, exc.detail)
    else:
        messages.success(request, _("The credential %(name)s was deleted.") % {"name": credential.name})
    return redirect(settings_of(project, "credentials"))


def _edit(request: HttpRequest, project: Project, credential: Credential | None) -> HttpResponse:
    form = CredentialForm(
        request.POST if request.method == "POST" else None, credential=credential, auto_id="credential-%s"
    )
    back = settings_of(project, "credentials")
    if request.method == "POST" and form.is_valid():
        user = user_of(request)
        try:
            if credential is None:
                credentials.create(project=project, user=user, audit_request=request, **form.cleaned_data)
            else:
                credentials.update(
                    credential=credential, user=user, changes=form.changes(), audit_request=request
                )
        except FieldErrors as exc:
            for name, sentences in exc.errors.items():
                form.add_error(name if name in form.fields else None, sentences)
        else:
            messages.success(
                request, _("The credential %(name)s is saved.") % {"name": form.cleaned_data["name"]}
            )
            return go(request, back)
    context = {"form": form, "project": project, "credential": credential}
    status = 422 if form.is_bound else 200
    return asked(request, "imageimport/settings/credential.html", context, back=back, status=status)


def _credential(project: Project, credential_id: UUID) -> Credential:
    return get_object_or_404(
        Credential.objects.filter(project=project).select_related("project"), pk=credential_id
    )
