"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """Names of the installation."""
    return {"registry_public_host": settings.REGISTRY_PUBLIC_HOST, "oidc_name": settings.OIDC_SERVER_URL and settings.OIDC_NAME}
