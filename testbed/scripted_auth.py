"""Sign-in for the scripted registry: basic accounts, and bearer tokens with a token server of their own."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from testbed.scripted_http import Reply, Request, ScriptedServer


def basic_header(username: str, password: str) -> str:
    """What ``Authorization`` says for HTTP Basic."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


@dataclass
class BasicSignIn:
    """Asks everyone for one of these accounts."""

    accounts: dict[str, str]
    challenge: str = 'Basic realm="scripted"'

    def refuse(self, request: Request, _needs: str) -> Reply | None:
        """A 401, or None when the request may pass."""
        if request.authorization in {basic_header(*account) for account in self.accounts.items()}:
            return None
        return unauthorized(self.challenge)


@dataclass
class BearerSignIn:
    """Asks for tokens of a :class:`TokenServer`.

    :param challenge: sent instead of the right one; ``{scope}`` is filled in.
    :param uses: each token is good for so many requests; None for any number.
    """

    tokens: TokenServer
    challenge: str = ""
    uses: int | None = None
    _used: dict[str, int] = field(default_factory=dict)

    def refuse(self, request: Request, needs: str) -> Reply | None:
        token = request.authorization.removeprefix("Bearer ")
        # Judged when the request begins, as registries do: a body may take longer than a token lives.
        granted = self.tokens.granted(token, request.at)
        used = self._used[token] = self._used.get(token, 0) + 1
        if needs == "" and granted is not None:
            return None
        if granted is not None and _covers(granted, needs) and (self.uses is None or used <= self.uses):
            return None
        challenge = self.challenge or 'Bearer realm="{realm}",service="scripted",scope="{scope}"'
        return unauthorized(challenge.replace("{realm}", self.tokens.realm).replace("{scope}", needs))


class TokenServer(ScriptedServer):
    """Gives tokens at ``/token``.

    :param accounts: who may ask with a password; anyone may ask anonymously while ``anonymous`` is true.
    :param expires_in: what it says; tokens end after ``lifetime`` seconds.
    """

    def __init__(
        self,
        *,
        accounts: dict[str, str] | None = None,
        anonymous: bool = True,
        expires_in: int | None = 300,
        lifetime: float = 300.0,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(host=host, tls=tls)
        self.accounts = accounts or {}
        self.anonymous = anonymous
        self.expires_in = expires_in
        self.lifetime = lifetime
        #: Sent instead of a token, to all who ask.
        self.answer: Reply | None = None
        self.refresh_tokens: dict[str, str] = {}
        self._given: dict[str, tuple[list[str], float]] = {}
        self._given_lock = threading.Lock()

    @property
    def realm(self) -> str:
        return f"{self.url}/token"

    def granted(self, token: str, at: float) -> list[str] | None:
        """Scopes of a token that is good at this moment of the monotonic clock."""
        scopes, until = self._given.get(token, ([], 0.0))
        return scopes if until > at else None

    def forget(self) -> None:
        """From here on, every token given so far is refused."""
        with self._given_lock:
            self._given.clear()

    def handle(self, request: Request) -> Reply:
        if self.answer is not None:
            return self.answer
        form = dict(parse_qsl(request.body.decode()))
        scopes = [value for key, value in request.query if key == "scope"] or form.get("scope", "").split()
        if request.method == "POST" and form.get("refresh_token") not in self.refresh_tokens:
            return unauthorized('Basic realm="tokens"')
        signed_in = request.authorization in {basic_header(*each) for each in self.accounts.items()}
        if request.authorization and not signed_in:
            return unauthorized('Basic realm="tokens"')
        if request.method == "GET" and not request.authorization and not self.anonymous:
            return unauthorized('Basic realm="tokens"')
        with self._given_lock:
            token = f"token-{len(self._given)}-{time.monotonic_ns()}"
            self._given[token] = (scopes, time.monotonic() + self.lifetime)
        document = {"token": token} | ({"expires_in": self.expires_in} if self.expires_in is not None else {})
        return Reply(headers=[("Content-Type", "application/json")], body=json.dumps(document).encode())


def unauthorized(challenge: str) -> Reply:
    """An answer of 401 with this challenge."""
    body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}).encode()
    return Reply(401, [("WWW-Authenticate", challenge), ("Content-Type", "application/json")], body)


def _covers(granted: list[str], needs: str) -> bool:
    resource, _, actions = needs.rpartition(":")
    for scope in granted:
        has_resource, _, has_actions = scope.rpartition(":")
        if has_resource == resource and set(actions.split(",")) <= set(has_actions.split(",")):
            return True
    return False
