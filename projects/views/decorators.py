"""The way into a project's pages: signed in, the project visible, the role large enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urldefrag

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from projects.models import Project, Role
from projects.permissions import reaches
from projects.selectors import get_project

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Rights:
    """What the reader's role lets pages offer; what it does not is not shown at all."""

    role: Role
    #: The role is the reader's own, not that of any signed-in user in an internal or public project.
    member: bool

    @property
    def develop(self) -> bool:
        return reaches(self.role, Role.DEVELOPER)

    @property
    def maintain(self) -> bool:
        return reaches(self.role, Role.MAINTAINER)

    @property
    def own(self) -> bool:
        return reaches(self.role, Role.OWNER)


def htmx_of(request: HttpRequest) -> HtmxDetails | None:
    """What htmx says of its request; falsy, or nothing, where it did not make it."""
    return getattr(request, "htmx", None)


def user_of(request: HttpRequest) -> User:
    """The signed-in user; for views behind the decorators of this module."""
    return cast(User, request.user)


def rights_in(project: Project) -> Rights:
    """The reader's rights, of a project that :func:`projects.selectors.visible_projects` found for him."""
    role = getattr(project, "role", None)
    return Rights(Role(role) if role else Role.VIEWER, bool(role))


def signed_in(view: Callable[Concatenate[HttpRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Send the others to the sign-in page; from a fragment's request the whole page goes there."""

    @wraps(view)
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        return view(request, *args, **kwargs)

    return checked


def project_view(least: Role) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Give the view the project of the address instead of its name.

    Strangers get 404, members whose role is too small 403.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        @signed_in
        def checked(request: HttpRequest, /, name: str, **kwargs: Any) -> HttpResponse:
            try:
                project = get_project(request.user, name=name)
            except Project.DoesNotExist:
                raise Http404 from None
            if not reaches(rights_in(project).role, least):
                raise PermissionDenied(
                    _("This needs the role %(role)s in the project %(project)s.")
                    % {"role": least.label, "project": project.name}
                )
            return view(request, project, **kwargs)

        return checked

    return decorate


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page, and back to the page that the person looks at."""
    htmx = htmx_of(request)
    if htmx:
        here = htmx.current_url_abs_path or "/"
        return HttpResponseClientRedirect(redirect_to_login(here).url)
    return redirect_to_login(request.get_full_path())


def go(request: HttpRequest, to: str) -> HttpResponse:
    """Redirect after a post, from a page and from a fragment's request alike.

    To go to another section of the page where one is already, a browser would load nothing: that page is loaded anew.
    """
    htmx = htmx_of(request)
    if not htmx:
        return redirect(to)
    if urldefrag(htmx.current_url_abs_path or "").url == urldefrag(to).url:
        return HttpResponseClientRefresh()
    return HttpResponseClientRedirect(to)


def come_back(response: HttpResponse, seconds: float | None) -> HttpResponse:
    """The answer as a 429 that may be asked for again after ``seconds``; as it is where there are none."""
    if seconds is not None:
        response.status_code = 429
        response.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return response


def asked(
    request: HttpRequest, template: str, context: dict[str, Any], *, back: str, status: int = 200
) -> HttpResponse:
    """A question with a form: in the page's dialog for a fragment's request, else as a page of its own.

    :param back: where the page's way out leads.
    """
    base = "asked.html" if htmx_of(request) else "asked_page.html"
    whole = {"asked_base": base, "action": request.path, "back": back, **context}
    return render(request, template, whole, status=status)
