"""The registry as others reach it."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from oci.egress.hosts import LOOPBACK_NAMES


def is_secure() -> bool:
    """Whether clients reach the registry over HTTPS: what the portal itself says to a registry under this name, else
    what every client takes for granted. On this machine itself no one has a certificate: nginx before the embedded
    registry has a port of its own.
    """
    url = urlsplit(settings.REGISTRY_URL or "")
    if url.netloc == settings.REGISTRY_PUBLIC_HOST:
        return url.scheme != "http"
    return urlsplit(f"//{settings.REGISTRY_PUBLIC_HOST}").hostname not in LOOPBACK_NAMES


def public_url() -> str:
    """Where clients reach the registry, as ``https://registry.example.com``. How the portal itself speaks to it says
    nothing of that: what is sent along may be a token.
    """
    return f"{'https' if is_secure() else 'http'}://{settings.REGISTRY_PUBLIC_HOST}"
