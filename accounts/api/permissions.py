"""What a token may do, whatever its user may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.views import APIView

_REACH: Final = {ApiToken.Scope.READ: 0, ApiToken.Scope.IMPORT: 1, ApiToken.Scope.ADMIN: 2}


class TokenReaches(BasePermission):
    """Reading takes any token. A change takes what the view's ``token_scope`` says: ``admin`` where it says nothing."""

    message = _("The token's scope doesn't allow this. Use a token with a larger scope.")
    code = "insufficient_scope"

    def has_permission(self, request: Request, view: APIView) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken) or request.method in SAFE_METHODS:
            return True
        needed = getattr(view, "token_scope", ApiToken.Scope.ADMIN)
        return _REACH[ApiToken.Scope(token.scope)] >= _REACH[needed]


class IsSuperuser(BasePermission):
    """What belongs to the whole installation is for those who run it."""

    message = _("Only superusers can do this.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.is_authenticated and request.user.is_superuser)
