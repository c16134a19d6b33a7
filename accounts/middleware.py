"""Who calls and from where, what of it is read, who is answered at all and in which language, and who may keep the
answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import translation
from django_htmx.http import HttpResponseClientRedirect

from accounts.caller import answering
from accounts.models import Profile


class CallerMiddleware:
    """Binds who acts and from where (:mod:`accounts.caller`) while the request is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with answering(request):
            return self.get_response(request)


class PlainCookies:
    """Takes backslashes out of the ``Cookie`` header before anyone reads it. No cookie of the portal has one, and
    Python before 3.11.10 and 3.12.6 is busy for seconds with a header full of them (CVE-2024-7592).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.META.get("HTTP_COOKIE", "")
        if "\\" in sent:
            request.META["HTTP_COOKIE"] = sent.replace("\\", "")
        return self.get_response(request)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Every view is for those who signed in, unless it says ``login_not_required``; the others are led to the sign-in
    page, and back from it. From a fragment's request the whole page goes there."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        # Django asks for the user first, which may be a query; an open view need not know.
        if not getattr(view_func, "login_required", True):
            return None
        refused = super().process_view(request, view_func, view_args, view_kwargs)
        htmx = getattr(request, "htmx", None)
        if refused is not None and htmx:
            return HttpResponseClientRedirect(redirect_to_login(htmx.current_url_abs_path or "/").url)
        return refused


class ProfileLanguageMiddleware:
    """Pages: the profile's language where this browser has chosen none yet. The API: Accept-Language alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        cookie = settings.LANGUAGE_COOKIE_NAME
        if request.path_info.startswith("/api/"):
            if request.COOKIES.pop(cookie, None) is not None:
                self._activate(request, translation.get_language_from_request(request))
        elif cookie not in request.COOKIES and request.user.is_authenticated:
            chosen = (
                Profile.objects.filter(user_id=request.user.pk).values_list("language", flat=True).first()
            )
            if chosen and translation.check_for_language(chosen):
                self._activate(request, chosen)
        return self.get_response(request)

    def _activate(self, request: HttpRequest, language: str) -> None:
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()


class PrivateAnswers:
    """No one keeps what someone who signed in was answered: no proxy, and no browser for the person who uses it next.

    What says something itself (static files, forms) says more.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        knows = settings.SESSION_COOKIE_NAME in request.COOKIES or "Authorization" in request.headers
        if knows and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response
