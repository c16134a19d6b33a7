"""Which language a request is answered in, beyond what Django's LocaleMiddleware knows; and who may keep the answer."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from accounts.models import Profile


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
    """Nobody keeps what somebody who signed in was answered: no proxy, and no browser for who goes back after him.

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
