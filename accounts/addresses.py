"""Where a request comes from, as an address."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The caller's address, in its usual form; None where it is not known (a Unix socket, a broken header).

    ``X-Forwarded-For`` counts only as far as ``TRUSTED_PROXIES`` says: each trusted proxy appends the peer that it saw,
    so with *n* of them the *n*-th entry from the end is the first that no stranger wrote.
    """
    hops: int = settings.TRUSTED_PROXIES
    if hops:
        chain = [
            part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()
        ]
        if chain:
            return _address(chain[max(len(chain) - hops, 0)])
    return _address(request.META.get("REMOTE_ADDR", ""))


def _address(text: str) -> str | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
