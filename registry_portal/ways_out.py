"""Proxies, bandwidth and hours as the environment names them."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

from oci.egress.proxies import ProxyRule, parse_rules
from projects.bandwidth import parse_amount
from projects.hours import Window
from registry_portal.env import secret


def proxies(name: str) -> tuple[ProxyRule, ...]:
    """The rules for proxies in a variable, whose ``environment`` is this process' own.

    :raises ImproperlyConfigured: they can't be read; the sentence holds no password.
    """
    try:
        return parse_rules(secret(name), os.environ)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name}: {exc}.") from None


def one_proxy(name: str) -> tuple[ProxyRule, ...]:
    """One proxy for all hosts, or rules as :func:`proxies` reads them; empty where nothing is said.

    :raises ImproperlyConfigured: it can't be read; the sentence holds no password.
    """
    text = secret(name).strip()
    is_one = text in ("direct", "environment") or "://" in text.partition("=")[0]
    try:
        return parse_rules(f"*={text}" if is_one else text, os.environ)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name}: {exc}.") from None


def amount(name: str) -> int | None:
    """Bytes a second, as ``20MB``; None where nothing is said.

    :raises ImproperlyConfigured: it is no amount.
    """
    text = secret(name).strip()
    try:
        return parse_amount(text) if text else None
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name}: {exc}.") from None


def hours(name: str, zone: str) -> str:
    """Hours of the day as :class:`projects.hours.Window` reads them; empty where nothing is said.

    :raises ImproperlyConfigured: they are none.
    """
    text = secret(name).strip()
    try:
        if text:
            Window.parse(text, zone)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name}: {exc}.") from None
    return text
