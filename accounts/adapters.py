"""How allauth behaves here: nobody signs up by himself, and its secrets are sealed like ours."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse

from accounts import preferences, throttling
from accounts.addresses import client_address
from accounts.sealed import seal, unseal
from accounts.services import profile_of


class ClosedAccountAdapter(DefaultAccountAdapter):
    """Users are made in the admin, or come by OIDC where that is configured."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "unknown"

    def add_message(self, *_args: Any, **_kwargs: Any) -> None:
        """The next page shows well enough that one is signed in or out."""

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **options: Any) -> HttpResponse:
        """All factors are checked, by whichever door: bring the person's preferences along."""
        response: HttpResponse = super().post_login(request, user, **options)
        throttling.succeeded(account=user.get_username(), address=client_address(request))
        preferences.apply(request, response, profile_of(user))
        return response


class OidcAdapter(DefaultSocialAccountAdapter):
    """Whoever the configured identity provider vouches for may come in; he is no member of anything yet."""

    def is_open_for_signup(self, _request: HttpRequest, _login: SocialLogin) -> bool:
        return True


class SealedMfaAdapter(DefaultMFAAdapter):
    """TOTP secrets and recovery codes are encrypted with the keys of the stored credentials."""

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)[0]
