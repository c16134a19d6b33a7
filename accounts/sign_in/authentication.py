"""Signing in to the API by ``Authorization: Bearer <token>``."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.models import ApiToken
from accounts.sign_in.tokens import find_token

CHALLENGE = 'Bearer realm="registry-portal"'


class BearerAuthentication(BaseAuthentication):
    """API tokens. The first class of the list, so that its challenge is the one that anonymous callers get."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """User and token; None where the header is absent or of another scheme.

        :raises AuthenticationFailed: a bearer token that is not valid, whatever the cause.
        """
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(text.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(
                _("The token is invalid, expired or revoked."), code="invalid_token"
            )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE
