"""An identity provider: OpenID Connect, authorization code flow. One person is always signed in, or each
says name and password."""

from __future__ import annotations

import json
import re
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

FORM = b'<form method="post"><input name="username"><input name="password" type="password"></form>'


@dataclass
class Provider:
    """``claims`` are what the provider says about its person.

    :ivar people: takes name, password and the scopes that are asked for; the claims, or None for a wrong password.
    :ivar asked: each path that was asked for, and the address from which it was.
    """

    url: str = ""
    client_id: str = "portal"
    client_secret: str = "provider-client-secret"
    claims: dict[str, Any] = field(default_factory=dict)
    people: Callable[[str, str, set[str]], dict[str, Any] | None] | None = None
    codes: dict[str, str] = field(default_factory=dict)
    asked: set[tuple[str, str]] = field(default_factory=set)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def jwks(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes back to."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = query.get("nonce", "")
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def sign_in(self, query: dict[str, str], form: dict[str, str]) -> str:
        """Where the browser goes back to; empty for a wrong password."""
        assert self.people is not None
        claims = self.people(form["username"], form["password"], set(query["scope"].split()))
        if claims is None:
            return ""
        self.claims = claims
        return self.authorize(query)

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 300, **self.claims}
        nonce = self.codes.pop(form["code"])
        if nonce:
            claims["nonce"] = nonce
        id_token = jwt.encode(claims, self.key, "RS256", headers={"kid": "one"})
        return {"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "id_token": id_token}


@contextmanager
def provider(
    host: str = "127.0.0.1", *, name: str = "", tls: ssl.SSLContext | None = None
) -> Iterator[Provider]:
    """A running provider.

    :param name: by which it is asked; else ``host``.
    """
    found = Provider()
    server = ThreadingHTTPServer((host, 0), _handler(found))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    found.url = f"{'https' if tls else 'http'}://{name or host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def come_in(portal: str, session: requests.Session) -> requests.Session:
    """Click the provider's button and follow all redirects, as a browser does.

    :param portal: its URL.
    """
    page = session.get(f"{portal}/accounts/login/", timeout=20)
    action = re.search(r'action="(/accounts/oidc/[^"]*)"', page.text)
    assert action, "the sign-in page offers no identity provider"
    assert "Acme" in page.text
    form = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
    answer = session.post(portal + action[1], data=form, allow_redirects=True, timeout=20)
    assert answer.status_code == 200, answer.text[:2000]
    return session


def who(portal: str, session: requests.Session) -> str:
    """The name of who is signed in; empty where nobody is."""
    page = session.get(f"{portal}/accounts/", allow_redirects=False, timeout=20)
    found = re.search(r"<h1>([^<]*)</h1>", page.text)
    return found[1] if page.status_code == 200 and found else ""


def _first(query: str) -> dict[str, str]:
    found = parse_qs(query, keep_blank_values=True)
    return {name: values[0] for name, values in found.items()}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = self._asked()
            answers: dict[str, Callable[[], Any]] = {
                "/.well-known/openid-configuration": provider.discovery,
                "/jwks": provider.jwks,
                "/userinfo": lambda: provider.claims,
            }
            if parts.path == "/authorize" and provider.people is not None:
                self._answer(200, "text/html", FORM)
            elif parts.path == "/authorize":
                self._go_to(provider.authorize(_first(parts.query)))
            elif parts.path in answers:
                self._json(answers[parts.path]())
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            parts = self._asked()
            form = _first(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if parts.path != "/authorize":
                self._json(provider.token(form))
            elif back := provider.sign_in(_first(parts.query), form):
                self._go_to(back)
            else:
                self._answer(401, "text/html", FORM)

        def _asked(self) -> SplitResult:
            parts = urlsplit(self.path)
            provider.asked.add((parts.path, self.client_address[0]))
            return parts

        def _go_to(self, url: str) -> None:
            self.send_response(302)
            self.send_header("Location", url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _json(self, document: dict[str, Any]) -> None:
            self._answer(200, "application/json", json.dumps(document).encode())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler
