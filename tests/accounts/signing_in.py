"""Signing in by the API."""

from __future__ import annotations

from tests.support.people import PASSWORD, call


def sign_in(username: str = "ann", password: str = PASSWORD, **more: object):  # type: ignore[no-untyped-def]
    return call("POST", "/auth/tokens", {"username": username, "password": password, **more})
