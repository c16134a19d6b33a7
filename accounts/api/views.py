"""``/api/v1/auth/tokens``, and where the API begins."""

from __future__ import annotations

from typing import Any, cast

import structlog
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.api.errors import ApiError
from accounts.api.schema import refused
from accounts.api.serializers import NewTokenSerializer, SignInSerializer, TokenSerializer
from accounts.caller import current_address
from accounts.models import ApiToken
from accounts.sign_in.services import InvalidCredentials, TooManyFailures, check_password, check_second_factor
from accounts.sign_in.throttling import succeeded
from accounts.sign_in.tokens import create_token

log = structlog.get_logger(__name__)


def sign_in(*, username: str, password: str, otp: str) -> User:
    """The user, all factors checked.

    :raises ApiError: 401 ``invalid_credentials`` whatever the cause, or 429 ``throttled``.
    """
    try:
        user = check_password(username=username, password=password)
        check_second_factor(user=user, code=otp)
    except TooManyFailures as exc:
        raise ApiError(
            "throttled", _("Too many failed sign-ins. Try again later."), 429, retry_after=exc.seconds
        ) from None
    except InvalidCredentials:
        log.info("sign_in.refused", door="api", address=current_address())
        raise ApiError("invalid_credentials", _("Wrong username or password."), 401) from None
    succeeded(account=username, address=current_address())
    return user


@extend_schema(tags=["auth"])
@extend_schema_view(
    list=extend_schema(summary="List your tokens, without their secrets"),
    destroy=extend_schema(summary="Revoke one of your tokens"),
)
class TokenViewSet(mixins.ListModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[ApiToken]):
    """Tokens for ``Authorization: Bearer``."""

    queryset = ApiToken.objects.none()
    serializer_class = TokenSerializer
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ApiToken]:
        if getattr(self, "swagger_fake_view", False):
            return ApiToken.objects.none()
        return ApiToken.objects.filter(user=cast(User, self.request.user))

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Signing in works without being signed in; an old token in the header must not get in its way."""
        return [] if self._signs_in() else super().get_authenticators()

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny()] if self._signs_in() else cast(list[BasePermission], super().get_permissions())

    def _signs_in(self) -> bool:
        request = getattr(self, "request", None)
        return getattr(request, "method", None) == "POST"

    @extend_schema(
        summary="Create a token; it is shown only once",
        auth=[],
        request=SignInSerializer,
        responses={
            201: NewTokenSerializer,
            401: refused("`invalid_credentials`: user name or password is wrong."),
            429: refused("`throttled`: too many failed sign-ins; see Retry-After."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        """Every failed sign-in gets the same answer, whatever was wrong."""
        form = SignInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        user = sign_in(username=given["username"], password=given["password"], otp=given["otp"])
        row, text = create_token(
            user=user, name=given["name"], expires_in_days=given["expires_in_days"], scope=given["scope"]
        )
        shown = {"id": row.id, "name": row.name, "token": text, "expires_at": row.expires_at}
        return Response(NewTokenSerializer(shown).data, status=201, headers={"Cache-Control": "no-store"})


@extend_schema(exclude=True)
class ApiRoot(APIView):
    """Where the API begins: projects, own tokens, its description."""

    name = "API"

    def get(self, request: Request) -> Response:
        names = {
            "projects": "project-list",
            "tokens": "api-token-list",
            "sources": "api-source-list",
            "schema": "api-schema",
            "docs": "api-docs",
        }
        return Response({word: reverse(name, request=request) for word, name in names.items()})
