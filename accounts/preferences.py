"""How a person likes the pages: language, theme, pull client. Kept in a cookie, and in the profile once signed in.
Whether single keys act is kept in the cookie alone: it goes with the keyboard."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.views.decorators.http import require_POST

from accounts.models import Profile

THEME_COOKIE = "portal_theme"
CLIENT_COOKIE = "portal_pull_client"
KEYS_COOKIE = "portal_keys"
#: Commands that pull an image, by the client that is named first in each.
PULL_CLIENTS = ("docker", "podman", "nerdctl")
_YEAR = 365 * 24 * 3600


def profile_of(user: Any) -> Profile:
    """The user's preferences, made on first use."""
    return Profile.objects.get_or_create(user=user)[0]


def theme_of(request: HttpRequest) -> str:
    """``auto``, ``light`` or ``dark``."""
    return _known(request.COOKIES.get(THEME_COOKIE, ""), Profile.Theme.values, Profile.Theme.AUTO.value)


def pull_client_of(request: HttpRequest) -> str:
    """One of :data:`PULL_CLIENTS`."""
    return _known(request.COOKIES.get(CLIENT_COOKIE, ""), PULL_CLIENTS, PULL_CLIENTS[0])


def keys_of(request: HttpRequest) -> bool:
    """Whether single keys act. Without a choice they do; with speech input each word would press some (WCAG 2.1.4)."""
    return request.COOKIES.get(KEYS_COOKIE) != "off"


def keep_keys(request: HttpRequest, response: HttpResponse, value: str) -> None:
    """Remember in this browser whether single keys act: ``on`` or ``off``."""
    _keep(request, response, KEYS_COOKIE, _known(value, ("on", "off"), "on"))


def apply(request: HttpRequest, response: HttpResponse, profile: Profile) -> None:
    """Bring a profile's choices into this browser; called when its owner signs in."""
    if profile.language:
        _keep(request, response, settings.LANGUAGE_COOKIE_NAME, profile.language)
    _keep(request, response, THEME_COOKIE, profile.theme)
    _keep(request, response, CLIENT_COOKIE, profile.pull_client)


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    return _set(
        request, "language", [code for code, _name in settings.LANGUAGES], settings.LANGUAGE_COOKIE_NAME
    )


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    return _set(request, "theme", Profile.Theme.values, THEME_COOKIE)


@login_not_required
@require_POST
def set_pull_client(request: HttpRequest) -> HttpResponse:
    return _set(request, "pull_client", PULL_CLIENTS, CLIENT_COOKIE)


def _set(request: HttpRequest, field: str, allowed: list[str] | tuple[str, ...], cookie: str) -> HttpResponse:
    value = request.POST.get(field, "")
    if value not in allowed or (field == "language" and not check_for_language(value)):
        return HttpResponseBadRequest()
    response = HttpResponse(status=204) if request.headers.get("HX-Request") else redirect(back_of(request))
    _keep(request, response, cookie, value)
    if request.user.is_authenticated:
        profile = profile_of(request.user)
        setattr(profile, field, value)
        profile.save(update_fields=[field])
    return response


def back_of(request: HttpRequest) -> str:
    """Where the person came from, at this site only."""
    for url in (request.POST.get("next", ""), request.headers.get("Referer", "")):
        if url and url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            return url
    return "/"


def _keep(request: HttpRequest, response: HttpResponse, cookie: str, value: str) -> None:
    response.set_cookie(
        cookie, value, max_age=_YEAR, httponly=True, samesite="Lax", secure=request.is_secure()
    )


def _known(value: str, allowed: list[str] | tuple[str, ...], otherwise: str) -> str:
    return value if value in allowed else otherwise
