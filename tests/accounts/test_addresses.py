"""Whose address counts, behind proxies and without."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from accounts.addresses import client_address


@pytest.mark.parametrize(
    ("hops", "peer", "forwarded", "found"),
    [
        (0, "203.0.113.5", "", "203.0.113.5"),
        (0, "203.0.113.5", "10.0.0.1", "203.0.113.5"),
        (1, "127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (1, "127.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (2, "127.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (1, "127.0.0.1", "", "127.0.0.1"),
        (1, "127.0.0.1", "nonsense", None),
        (1, "127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        (1, "127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        (0, "::ffff:203.0.113.5", "", "203.0.113.5"),
        (0, "fe80::1%eth0", "", "fe80::1"),
        (0, "", "", None),
    ],
)
def test_the_first_address_that_no_stranger_wrote_counts(
    hops: int, peer: str, forwarded: str, found: str | None, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = hops
    headers: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=peer, **headers)) == found
