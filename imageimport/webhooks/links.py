"""Addresses of the portal's pages for those who are not on one of them: webhooks, mail."""

from __future__ import annotations

from django.conf import settings


def link(path: str) -> str:
    """``path`` as a whole URL, by the name that ``PORTAL_URL`` says."""
    return f"{settings.PORTAL_URL.rstrip('/')}{path}"
