"""The admin site. Its login is the site's own page, so that throttling and second factors hold there too."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class PortalAdminSite(admin.AdminSite):
    site_header = _("Registry Portal administration")
    #: Lists need the width.
    enable_nav_sidebar = False
    site_title = _("Registry Portal")
    index_title = _("Inspect and manage")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and self.has_permission(request):
            return super().login(request, extra_context)
        if request.user.is_authenticated:
            raise PermissionDenied  # signing in again as the same person would lead here again
        return redirect_to_login(request.GET.get("next", "/admin/"), login_url=settings.LOGIN_URL)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The account page's form, where guesses at the old password are counted."""
        return redirect(f"{reverse('account')}#password")
