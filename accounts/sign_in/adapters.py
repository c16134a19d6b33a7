"""How allauth behaves here: no one signs up on their own, and its secrets are sealed like ours."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from accounts import preferences
from accounts.caller import client_address
from accounts.sealed import seal, unseal
from accounts.sign_in import groups, throttling
from accounts.sign_in.way_out import ByTheDoor


class ClosedAccountAdapter(DefaultAccountAdapter):
    """Users are made in the admin, or come by OIDC where that is configured."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "unknown"

    def add_message(self, *_args: Any, **_kwargs: Any) -> None:
        """The next page shows well enough that one is signed in or out."""

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **options: Any) -> HttpResponse:
        """All factors are checked, by whichever door: bring the person's preferences along, and read their groups."""
        response: HttpResponse = super().post_login(request, user, **options)
        came_by = (options.get("signal_kwargs") or {}).get("sociallogin")
        if came_by is not None:
            groups.keep(cast(User, user), groups.of_claims(came_by.account.extra_data))
        throttling.succeeded(account=user.get_username(), address=client_address(request))
        preferences.apply(request, response, preferences.profile_of(user))
        return response


class OidcAdapter(DefaultSocialAccountAdapter):
    """Anyone the configured identity provider vouches for may come in; they are no member of anything yet."""

    def is_open_for_signup(self, _request: HttpRequest, _login: SocialLogin) -> bool:
        return True

    def get_requests_session(self) -> Any:
        """By the way that ``OIDC_PROXY`` names, where it does; else by the environment's, as ever."""
        session = super().get_requests_session()
        if settings.OIDC_PROXY:
            session.trust_env = False
            for scheme in ("https://", "http://"):
                session.mount(scheme, ByTheDoor())
        return session


class SealedMfaAdapter(DefaultMFAAdapter):
    """TOTP secrets and recovery codes are encrypted with the keys of the stored credentials."""

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)[0]
