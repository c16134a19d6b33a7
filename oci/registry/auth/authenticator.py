"""The sign-in of one registry client: answers challenges, fetches tokens, remembers what worked.

What other clients of the same account have learned is its beginning (:mod:`oci.registry.auth.known`). Where that does
not work anymore, it is forgotten, and the registry is asked as for the first time.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from oci.errors import OciError, gettext_noop
from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.limits import TOKEN_BODY_BYTES
from oci.registry.auth import clouds
from oci.registry.auth.challenge import Challenge, parse_challenges
from oci.registry.auth.credentials import (
    Credential,
    Identity,
    Refusals,
    Token,
    TokenKey,
    choose,
    may_see_credential,
    merge_scopes,
    split_scopes,
)
from oci.registry.auth.known import KnownSignIn
from oci.registry.endpoint import Endpoint
from oci.registry.error_body import read_error
from oci.registry.faults import ErrorBody, RetryableError, Role, confused, refused
from oci.urls import Url

_TOKEN_VALUE: Final = re.compile(r"[A-Za-z0-9._~+/=:|-]+", re.ASCII)
_CLIENT_ID: Final = "registry-portal"
#: How long a token of our own making is used; the provider makes the next in no time.
_PROVIDED_SECONDS: Final = 60.0


_NOT_TRUSTED: Final = gettext_noop(
    "The token server %(host)s is not trusted with the username and password, so it was asked anonymously."
)


class SignIn:
    """Thread-safe. Sends a credential only where :func:`oci.registry.auth.credentials.may_see_credential` says.

    :param known: shared with the other clients of the same account; None: with no one.
    """

    def __init__(self, endpoint: Endpoint, identity: Identity, known: KnownSignIn | None = None) -> None:
        self._endpoint = endpoint
        self._credential = identity.credential
        self._provider = identity.token_provider
        self._trusted_realms = identity.trusted_realms
        self._known = known if known is not None else KnownSignIn()
        self._refusals = Refusals()
        #: Whether the registry has told this client itself how to sign in.
        self._heard = False
        #: Scopes that challenges asked for beyond ours, by what we had asked for.
        self._extra: dict[tuple[str, ...], tuple[str, ...]] = {}

    @property
    def role(self) -> Role:
        return self._endpoint.role

    @property
    def account(self) -> str:
        """Who we are there, for rate limits; empty when anonymous."""
        return self._credential.username if self._credential else ""

    @property
    def uses_basic(self) -> bool:
        """Whether user name and password themselves are what the registry judges."""
        challenge = self._known.challenge
        return self._credential is not None and challenge is not None and challenge.scheme == "basic"

    def attempt(self, scopes: Sequence[str]) -> AuthAttempt:
        """The sign-in of one request that needs ``scopes``."""
        return AuthAttempt(self, merge_scopes(scopes))

    @property
    def must_greet(self) -> bool:
        """Whether to ask how to sign in before anything else: a registry that lets strangers read a part may say of
        the rest that it is not there, instead of asking who we are. Without a credential, the first question will do.
        """
        return (
            self._credential is not None
            and self._provider is None
            and self._known.challenge is None
            and not self._known.greeted
        )

    def greeted(self, response: Response) -> None:
        """Remember how the registry wants us to sign in, by the answer of its root."""
        challenge = self.choose(response) if response.status == 401 else None
        if challenge is not None:
            self.learn(challenge)
        self._known.greeted = True

    def learn(self, challenge: Challenge) -> None:
        self._known.challenge = challenge
        self._heard = True

    def scopes_for(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        return self._extra.get(asked, asked)

    def widen(self, asked: tuple[str, ...], challenge: Challenge) -> bool:
        """Add what ``challenge`` names; whether that is anything new."""
        known = self.scopes_for(asked)
        wider = merge_scopes([*known, *split_scopes(challenge)])
        self._extra[asked] = wider
        return wider != known

    def choose(self, response: Response) -> Challenge | None:
        challenges = parse_challenges(response.header_values("WWW-Authenticate"))
        if self._provider is not None:
            return next((each for each in challenges if each.scheme == "bearer"), Challenge("bearer"))
        return choose(challenges, have_credential=self._credential is not None)

    def header(self, asked: tuple[str, ...], *, rejected: str | None = None) -> str | None:
        """The Authorization header for a request, None while nothing was asked of us.

        :param rejected: a token that the registry just refused.
        :raises OciError: the token server refuses or cannot be used.
        :raises RetryableError: it may work later.
        """
        scopes = self.scopes_for(asked)
        if self._provider is not None:
            provider = self._provider
            key: TokenKey = ("", "", "", scopes, "")
            made = self._known.tokens.get(
                key, lambda: Token.lasting(provider(scopes), _PROVIDED_SECONDS), rejected=rejected
            )
            return f"Bearer {made.value}"
        challenge = self._known.challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            return self._basic()
        try:
            return f"Bearer {self._token(challenge, scopes, rejected).value}"
        except (OciError, RetryableError) as error:
            if not self._heard:  # Another client's word, and perhaps out of date.
                self._known.challenge, self._known.greeted = None, False
                if isinstance(error, OciError):
                    raise RetryableError(error, at_once=True) from error
            raise

    def _token(self, challenge: Challenge, scopes: tuple[str, ...], rejected: str | None) -> Token:
        realm = self._realm(challenge)
        service = challenge.params.get("service", "")
        shown = self._shown_at(realm)
        key = (
            self._endpoint.host,
            realm.scheme + realm.authority + realm.target,
            service,
            scopes,
            self.account,
        )

        def fetch() -> Token:
            return self._fetch(realm, service, scopes, self._account(shown))

        return self._known.tokens.get(
            key,
            partial(self._refusals.guard, key, fetch),
            rejected=rejected,
            check=self._endpoint.transport.cancel.check,
        )

    def _basic(self) -> str | None:
        account = self._account(self._credential)
        return account.basic() if account else None

    def _account(self, credential: Credential | None) -> Credential | None:
        """What is shown of a credential: itself, or what a cloud gives for it (:mod:`oci.registry.auth.clouds`)."""
        exchange = clouds.exchange_for(credential) if credential else None
        if credential is None or exchange is None:
            return credential
        key: TokenKey = (credential.host, exchange.name, "", (), credential.username)
        token = self._known.tokens.get(
            key,
            partial(self._refusals.guard, key, partial(self._exchanged, credential, exchange)),
            check=self._endpoint.transport.cancel.check,
        )
        return exchange.account(credential, token.value)

    def _exchanged(self, credential: Credential, exchange: clouds.Exchange) -> Token:
        url, headers, body = exchange.request(credential, dt.datetime.now(dt.UTC))
        response = self._endpoint.exchange("POST", url, headers, body)
        if response.status != 200:
            raise self._token_refused(url, response, signed_in=True)
        token, seconds = exchange.read(self._document(url, response), time.time())
        value = self._token_value(url, token)
        try:
            exchange.account(credential, value)
        except ValueError:
            raise confused(self.role, url.authority, "its token response contains no token") from None
        return Token.lasting(value, seconds)

    def _realm(self, challenge: Challenge) -> Url:
        realm = self._endpoint.read_url(challenge.params.get("realm", ""))
        self._endpoint.check_hop(realm)
        return realm

    def _shown_at(self, realm: Url) -> Credential | None:
        """The credential, where a token server may see it; else people are told, also when a kept token serves."""
        credential = self._credential
        if credential and not may_see_credential(self._endpoint.base, realm, self._trusted_realms):
            self._endpoint.note((_NOT_TRUSTED, {"host": realm.authority}))
            return None
        return credential

    def _fetch(
        self, realm: Url, service: str, scopes: tuple[str, ...], credential: Credential | None
    ) -> Token:
        """Ask the token server for a token.

        :param credential: what the token server may see; None asks anonymously.
        """
        if credential and credential.is_identity_token:
            response = self._ask_by_post(realm, service, scopes, credential)
        else:
            query = [("service", service)] if service else []
            query += [("scope", scope) for scope in scopes]
            if credential:
                query.append(("account", credential.username))
            url = realm.with_query(urlencode(query, quote_via=quote, safe=":,/*")) if query else realm
            headers = [("Authorization", credential.basic())] if credential else []
            response = self._endpoint.exchange("GET", url, [("Accept", "application/json"), *headers])
        if response.status != 200:
            raise self._token_refused(realm, response, signed_in=credential is not None)
        return self._read_token(realm, response)

    def _ask_by_post(
        self, realm: Url, service: str, scopes: tuple[str, ...], credential: Credential
    ) -> Response:
        form = {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": _CLIENT_ID,
            "scope": " ".join(scopes),
            "refresh_token": credential.password,
        }
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        return self._endpoint.exchange("POST", realm, headers, urlencode(form).encode())

    def _token_refused(self, realm: Url, response: Response, *, signed_in: bool) -> Exception:
        status, host = response.status, realm.authority
        if 300 <= status < 400:
            response.discard()
            return confused(self.role, host, "its token server redirects")
        retry_after = self._endpoint.retry_after(response)
        body = read_error(response)
        if status not in (400, 401, 403, 404):
            return refused(self.role, host, status, body, what="a token", retry_after=retry_after)
        return self.rejection(host, body, signed_in=signed_in)

    def rejection(self, host: str, body: ErrorBody, *, signed_in: bool) -> OciError:
        """The final word of a registry or its token server about who we are."""
        detail = f": {body.text}" if body.text else ""
        if self.role == "target":
            template = gettext_noop("Signing in to the target registry at %(host)s failed%(detail)s")
            return OciError("target_error", template, host=host, detail=detail)
        if signed_in:
            template = gettext_noop("%(host)s rejected the username or password%(detail)s")
        elif self._credential is not None:
            template = gettext_noop(
                "Access denied by %(host)s, which is not trusted with the username and password%(detail)s"
            )
        else:
            template = gettext_noop(
                "Access denied by %(host)s: the image doesn't exist there, or is private and needs "
                "credentials%(detail)s"
            )
        return OciError("unauthorized", template, host=host, detail=detail)

    def _read_token(self, realm: Url, response: Response) -> Token:
        answer = self._document(realm, response)
        value = self._token_value(realm, answer.get("token") or answer.get("access_token"))
        return Token.lasting(value, _lifetime(answer.get("expires_in")))

    def _document(self, realm: Url, response: Response) -> dict[str, Any]:
        """The JSON object of an answer; empty for another kind of JSON."""
        try:
            document = json.loads(response.read(TOKEN_BODY_BYTES))
        except (ConnectionBroken, ProtocolError) as error:
            raise self._endpoint.translated(error, realm) from error
        except (OverflowError, ValueError, RecursionError):
            raise confused(self.role, realm.authority, "its token response can't be read") from None
        return document if isinstance(document, dict) else {}

    def _token_value(self, realm: Url, value: object) -> str:
        if not isinstance(value, str) or not _TOKEN_VALUE.fullmatch(value):
            raise confused(self.role, realm.authority, "its token response contains no token")
        return value


def _lifetime(seconds: object) -> float:
    """Seconds; 0 when unsaid or senseless."""
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < 10**9:
        return float(seconds)
    return 0.0


class AuthAttempt:
    """One request's way through the challenges: at most one renewal, and one widening of the scopes."""

    def __init__(self, signin: SignIn, asked: tuple[str, ...]) -> None:
        self._signin = signin
        self._asked = asked
        self._renewed = False
        self._widened = False
        self._header: str | None = None

    def header(self) -> str | None:
        if self._header is None:
            self._header = self._signin.header(self._asked)
        return self._header

    def answer(self, response: Response) -> bool:
        """Prepare another try after a 401; False when there is nothing more to show."""
        challenge = self._signin.choose(response)
        if challenge is None:
            return False
        self._signin.learn(challenge)
        widened = (
            not self._widened and challenge.scheme == "bearer" and self._signin.widen(self._asked, challenge)
        )
        if self._header is not None:
            same_basic = challenge.scheme == "basic" and self._scheme == "basic"
            if same_basic or (self._renewed and not widened):
                return False
            self._renewed = self._renewed or not widened
            self._widened = self._widened or widened
        rejected = self._header.partition(" ")[2] if self._header and self._scheme == "bearer" else None
        self._header = self._signin.header(self._asked, rejected=rejected)
        return self._header is not None

    @property
    def _scheme(self) -> str:
        return (self._header or "").partition(" ")[0].lower()
