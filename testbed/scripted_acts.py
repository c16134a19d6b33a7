"""Misbehaviours for the rules of the scripted registry, and what its answers are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

from testbed.scripted_http import Hangup, Reply, Request

#: Makes an answer from the request and what would be answered without the rule.
Act = Callable[[Request, Callable[[], Reply]], Reply]


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def refuse(status: int, code: str, message: str = "", **more: object) -> Reply:
    """An error answer of the distribution specification."""
    error = {"code": code, "message": message or code.lower().replace("_", " "), **more}
    return Reply(status, [("Content-Type", "application/json")], json.dumps({"errors": [error]}).encode())


def cut(at: int, by: str = "reset") -> Act:
    """Break off the body after ``at`` bytes, by ``reset`` or ``end``."""
    return lambda _request, proceed: replace(proceed(), cut_at=at, cut_by=by)


def stall(at: int = 0, seconds: float = 3600.0) -> Act:
    """Say nothing after ``at`` bytes of the body."""
    return lambda _request, proceed: replace(proceed(), stall_at=at, stall_seconds=seconds)


def drip(piece: int, seconds: float) -> Act:
    """Send the body drop by drop."""
    return lambda _request, proceed: replace(proceed(), drip=piece, drip_seconds=seconds)


def corrupt(at: int) -> Act:
    """Change one byte of the body; a negative ``at`` counts from its end."""

    def act(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        body = bytearray(reply.body)
        body[at] ^= 0xFF
        return replace(reply, body=bytes(body))

    return act


def chunked() -> Act:
    """Send the body without saying how long it is."""
    return lambda _request, proceed: replace(proceed(), length=None)


def redirect(to: str, status: int = 307) -> Act:
    """Send the client to ``to``; ``{path}`` in it is the request's own path."""
    return lambda request, _proceed: Reply(status, [("Location", to.replace("{path}", request.path))])


def too_many(retry_after: str | None = None, status: int = 429) -> Act:
    """Refuse for the rate, with a Retry-After where given."""
    headers = [("Retry-After", retry_after)] if retry_after is not None else []
    return lambda _request, _proceed: replace(refuse(status, "TOOMANYREQUESTS"), headers=headers)


def hang_up(by: str = "reset") -> Act:
    """End the connection without an answer."""

    def act(_request: Request, _proceed: Callable[[], Reply]) -> Reply:
        raise Hangup(by)

    return act


def unauthorised_once(challenge: str) -> Act:
    """A 401 with this challenge, whatever the request brings."""
    return lambda _request, _proceed: Reply(401, [("WWW-Authenticate", challenge)])
