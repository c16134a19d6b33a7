"""The admin site. Its login is the site's own page, so that throttling and second factors hold there too."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _


class PortalAdminSite(admin.AdminSite):
    site_header = _("Registry Portal administration")
    #: Lists need the width.
    enable_nav_sidebar = False
    site_title = _("Registry Portal")
    index_title = _("Administration")

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and self.has_permission(request):
            return super().login(request, extra_context)
        if request.user.is_authenticated:
            raise PermissionDenied  # signing in again as the same person would lead here again
        return redirect_to_login(request.GET.get("next", "/admin/"), login_url=settings.LOGIN_URL)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A filter in an address may name a moment or a number that is beyond what a database knows."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                return view(request, *args, **kwargs)
            except OverflowError as exc:
                if request.method == "GET" and request.GET:
                    raise BadRequest("A value in the address is out of range.") from exc
                raise

        return super().admin_view(guarded, cacheable)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The account page's form, where guesses at the old password are counted."""
        return redirect(f"{reverse('account')}#password")
