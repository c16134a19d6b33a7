"""The OpenAPI document: how one signs in, and the errors that every call may answer with.

A view describes what is its own (``@extend_schema(responses={…, 409: refused("last_owner")})``); what all share is
added here once.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse

_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["code", "detail"],
    "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
    "additionalProperties": {},
}
_INVALID: dict[str, Any] = {
    "type": "object",
    "description": "Sentences for each field, or code and detail where the whole request can't be read.",
    "additionalProperties": {},
}
_COMMON = {
    "401": "Not signed in, or the token is not valid.",
    "403": "The role or the token's scope is too small.",
    "404": "There is no such thing, or it is not yours to see.",
    "406": "None of the asked media types can be given.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "429": "Too much at once; Retry-After says when to come back.",
    "503": "The database is away; Retry-After says when to come back.",
}


def refused(description: str) -> OpenApiResponse:
    """An answer of the shape ``{"code", "detail"}``."""
    return OpenApiResponse(response=_ERROR, description=description)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer <token>``."""

    target_class = "accounts.sign_in.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A token from `POST /api/v1/auth/tokens`."}


class PortalSchema(AutoSchema):
    """Adds the shared errors to every operation that does not describe them itself."""

    def _get_parameters(self) -> list[dict[str, Any]]:
        """A filter that a form sends empty is as good as absent."""
        found: list[dict[str, Any]] = super()._get_parameters()
        return [
            {**each, "allowEmptyValue": True} if each["in"] == "query" and not each.get("required") else each
            for each in found
        ]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._shared():
            if status not in found:
                found[status] = {
                    "description": _COMMON.get(status, "The request is not valid."),
                    "content": {
                        media_type: {"schema": _INVALID if status == "400" else _ERROR}
                        for media_type in self.map_renderers("media_type")
                    },
                }
        return dict(sorted(found.items()))

    def _shared(self) -> list[str]:
        shared = ["403", "404", "406", "429", "503"]
        if self.get_auth():
            shared.append("401")
        if self.method in {"POST", "PUT", "PATCH", "DELETE"}:
            shared += ["400", "413", "415"]
        elif any(each["in"] == "query" for each in self._get_parameters()):
            shared.append("400")
        return shared
