"""The way into a project's pages: the project visible, the role large enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast
from urllib.parse import urldefrag

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from projects.models import Project, Role
from projects.permissions import may_ask, reaches
from projects.selectors import get_project


@dataclass(frozen=True, slots=True)
class Rights:
    """What the reader's role lets pages offer; what it does not is not shown at all."""

    role: Role
    #: The role is the reader's own, not that of any signed-in user in an internal or public project.
    member: bool
    #: May ask for an import that someone has to approve.
    ask: bool = False

    @property
    def develop(self) -> bool:
        return reaches(self.role, Role.DEVELOPER)

    @property
    def maintain(self) -> bool:
        return reaches(self.role, Role.MAINTAINER)

    @property
    def own(self) -> bool:
        return reaches(self.role, Role.OWNER)


def htmx_details(request: HttpRequest) -> HtmxDetails | None:
    """What htmx says of its request; falsy, or nothing, where it did not make it."""
    return getattr(request, "htmx", None)


def current_user(request: HttpRequest) -> User:
    """The signed-in user: every view that is not marked ``login_not_required`` has one."""
    return cast(User, request.user)


def current_rights(project: Project) -> Rights:
    """The reader's rights, of a project that :func:`projects.selectors.visible_projects` found for them."""
    role = getattr(project, "role", None)
    return Rights(Role(role) if role else Role.VIEWER, bool(role), may_ask(project))


def project_view(
    least: Role, *, or_asks: bool = False
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Give the view the project of the address instead of its name.

    Strangers get 404, members whose role is too small 403.

    :param or_asks: those may come in, too, who may ask for an import that someone has to approve.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def checked(request: HttpRequest, /, name: str, **kwargs: Any) -> HttpResponse:
            try:
                project = get_project(request.user, name=name)
            except Project.DoesNotExist:
                raise Http404 from None
            rights = current_rights(project)
            if not (reaches(rights.role, least) or (or_asks and rights.ask)):
                raise PermissionDenied(
                    _("You need the role %(role)s in the project %(project)s for this.")
                    % {"role": least.label, "project": project.name}
                )
            return view(request, project, **kwargs)

        return checked

    return decorate


def superuser_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What belongs to the whole installation is for those who run it: 403 for everybody else."""

    @wraps(view)
    def checked(request: HttpRequest, /, **kwargs: Any) -> HttpResponse:
        if not current_user(request).is_superuser:
            raise PermissionDenied(_("Only superusers can do this."))
        return view(request, **kwargs)

    return checked


def redirect_htmx(request: HttpRequest, to: str) -> HttpResponse:
    """Redirect after a post, from a page and from a fragment's request alike.

    To go to another section of the page where one is already, a browser would load nothing: that page is loaded again.
    """
    htmx = htmx_details(request)
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


def render_dialog(
    request: HttpRequest, template: str, context: dict[str, Any], *, back: str, status: int = 200
) -> HttpResponse:
    """A question with a form: in the page's dialog for a fragment's request, else as a page of its own.

    :param back: where the page's way out leads.
    """
    base = "asked.html" if htmx_details(request) else "asked_page.html"
    whole = {"asked_base": base, "action": request.path, "back": back, **context}
    return render(request, template, whole, status=status)
