"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from accounts.preferences import keys_of, pull_client_of, theme_of

#: Each language by the name that its own speakers read.
LANGUAGE_NAMES = {"en": "English", "zh-hans": "中文"}


def portal(request: HttpRequest) -> dict[str, Any]:
    """Names of the installation, and how this person likes the pages."""
    active = get_language() or "en"
    return {
        "registry_public_host": settings.REGISTRY_PUBLIC_HOST,
        "first_pull_missing": settings.FIRST_PULL_MISSING,
        "oidc_name": settings.OIDC_SERVER_URL and settings.OIDC_NAME,
        "theme": theme_of(request),
        "single_keys": keys_of(request),
        "pull_client": pull_client_of(request),
        "other_languages": [(code, name) for code, name in LANGUAGE_NAMES.items() if code != active],
    }
