"""Signing in at registries: which credential may go where, and tokens for scopes.

A credential is bound to its registry. It goes to that host, to a token server on that host or its registrable
domain, or to one that the operator trusts; every other token server is asked anonymously. Tokens are kept per
registry, service, scopes and credential, and never wider; for other clients by :mod:`oci.registry.auth.known`.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from weakref import WeakValueDictionary

from oci.errors import OciError
from oci.limits import CANCEL_POLL_SECONDS, TOKEN_SECONDS
from oci.registry.auth.challenge import Challenge
from oci.registry.auth.realms import registrable_domain
from oci.urls import Url

#: Docker's convention: a credential whose "password" is an OAuth2 refresh token.
IDENTITY_TOKEN_USER: Final = "<token>"

#: How long a token server's refusal counts for all requests of one client that need the same token. Seconds.
REFUSAL_SECONDS: Final = 5.0

#: Tokens of one account that are kept, characters with their scopes; the oldest go first. A token has a few thousand.
KEPT_CHARS: Final = 128 * 1024

#: Gives a ready bearer token for scopes; how the portal signs in at its own registry.
TokenProvider = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Credential:
    """What signs in at one registry. The password is in no ``repr``.

    :param host: the registry it is for, as in a reference (``docker.io``, ``registry.example.com:5000``).
    :param owner: who has entered it: sign-ins are shared by the clients of one owner only. Empty: the portal itself.
    """

    host: str
    username: str = field(repr=False)
    password: str = field(repr=False)
    owner: str = field(default="", repr=False)

    @property
    def is_identity_token(self) -> bool:
        return self.username == IDENTITY_TOKEN_USER

    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are at one registry: a person, the maker of its own tokens, or anonymous.

    :param credential: of a person, for this registry.
    :param token_provider: makes bearer tokens itself; then no token server is ever asked.
    :param trusted_realms: token servers that may see the credential, besides the registry's own.
    """

    credential: Credential | None = None
    token_provider: TokenProvider | None = None
    trusted_realms: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token. ``expires`` is on the monotonic clock and a little early."""

    value: str = field(repr=False)
    expires: float

    @classmethod
    def lasting(cls, value: str, seconds: float) -> Token:
        seconds = max(seconds, TOKEN_SECONDS)
        return cls(value, time.monotonic() + seconds - min(seconds * 0.1, 30.0))

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() < self.expires


TokenKey = tuple[str, str, str, tuple[str, ...], str]


class TokenCache:
    """Tokens of one account at one registry. Thread-safe; threads that want the same token get one, fetched once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[TokenKey, Token] = {}
        #: One lock for each token that is wanted right now; gone with the last thread that holds or waits for it.
        self._fetching: WeakValueDictionary[TokenKey, threading.Lock] = WeakValueDictionary()

    def get(
        self,
        key: TokenKey,
        fetch: Callable[[], Token],
        *,
        rejected: str | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Token:
        """The kept token, or a new one when there is none, it is old, or it was the ``rejected`` one.

        :param check: raises when the caller is to end; asked while another thread fetches the token.
        :raises Exception: whatever ``fetch`` raises.
        """
        with self._lock:
            fetching = self._fetching.setdefault(key, threading.Lock())
        while not fetching.acquire(timeout=CANCEL_POLL_SECONDS):
            check()
        try:
            token = self._tokens.get(key)
            if token is None or not token.is_fresh or token.value == rejected:
                token = fetch()
                self._keep(key, token)
            return token
        finally:
            fetching.release()

    def _keep(self, key: TokenKey, token: Token) -> None:
        """The new one in any case, and of the others as many as there is room for."""
        with self._lock:
            others = {each: old for each, old in self._tokens.items() if each != key and old.is_fresh}
            room = KEPT_CHARS - _chars(key, token)
            while others and sum(_chars(*each) for each in others.items()) > room:
                others.pop(next(iter(others)))
            self._tokens = {**others, key: token}


def _chars(key: TokenKey, token: Token) -> int:
    return len(token.value) + sum(map(len, key[3]))


class Refusals:
    """What a token server has refused to one client. Thread-safe.

    A password that was changed in the middle is refused to each transfer in flight: one of them asks, since accounts
    are locked for too many wrong tries.
    """

    def __init__(self) -> None:
        self._refused: dict[TokenKey, tuple[float, OciError]] = {}

    def guard(self, key: TokenKey, fetch: Callable[[], Token]) -> Token:
        """A token by ``fetch``, or the refusal that it met a moment ago.

        :raises OciError: what ``fetch`` raised now, or less than :data:`REFUSAL_SECONDS` ago.
        """
        ended, refusal = self._refused.get(key, (0.0, None))
        if refusal is not None and time.monotonic() - ended < REFUSAL_SECONDS:
            raise refusal
        try:
            return fetch()
        except OciError as error:
            if not error.retryable:
                self._refused[key] = (time.monotonic(), error)
            raise


def may_see_credential(registry: Url, realm: Url, trusted_realms: Iterable[str]) -> bool:
    """Whether a registry's credential may go to the token server at ``realm``.

    :param trusted_realms: ``host`` or ``host:port`` that the operator named.
    """
    if realm.scheme != "https" and registry.scheme == "https":
        return False
    if realm.host == registry.host:
        return True
    trusted = {entry.strip().lower() for entry in trusted_realms}
    if realm.host in trusted or f"{realm.host}:{realm.port}" in trusted or realm.authority in trusted:
        return True
    domain = registrable_domain(realm.host)
    return domain is not None and domain == registrable_domain(registry.host)


def choose(challenges: Sequence[Challenge], *, have_credential: bool) -> Challenge | None:
    """The way to sign in that we take: bearer where offered, else basic where we have something to show."""
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.params.get("realm"):
            return challenge
    for challenge in challenges:
        if challenge.scheme == "basic" and have_credential:
            return challenge
    return None


def merge_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes in one order, actions joined: ``a:pull`` and ``a:push`` become ``a:pull,push``."""
    return _merged(tuple(scopes))


@lru_cache(maxsize=256)
def _merged(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Asked with each request, and the same for all of one import."""
    actions: dict[str, list[str]] = {}
    for scope in scopes:
        resource, _, wanted = scope.rpartition(":")
        known = actions.setdefault(resource or scope, [])
        known.extend(action for action in wanted.split(",") if action and resource and action not in known)
    return tuple(
        f"{resource}:{','.join(sorted(known))}" if known else resource
        for resource, known in sorted(actions.items())
    )


def split_scopes(challenge: Challenge) -> tuple[str, ...]:
    """Scopes that a challenge asks for."""
    return tuple(challenge.params.get("scope", "").split())
