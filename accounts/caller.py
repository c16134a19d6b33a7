"""Who acts now, and from where: of the request that is answered, or whom the code around says.

The audit log asks here, and so no service takes a request or the name of who acts. Middleware binds the request's own
user and address; no one acts in Celery's tasks and in commands, until they say for whom. What is done for someone else,
or for no one, while a request is answered says so by :func:`acting_as`. Who may do what, and whose a row is, is never
asked here: services take that user as an argument.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings

if TYPE_CHECKING:
    # The Celery application is imported before there are models.
    from django.contrib.auth.models import AnonymousUser, User
    from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit log says it."""

    #: None for robots, anonymous callers and the portal itself.
    user: User | None = None
    #: Of a person or a robot; empty for no one.
    name: str = ""


_address: Final[ContextVar[str | None]] = ContextVar("caller_address", default=None)
_actor: Final[ContextVar[Callable[[], Actor]]] = ContextVar("caller_actor", default=Actor)


def current_address() -> str | None:
    """Where the request comes from that this thread answers; None in tasks and commands, and where it is not known."""
    return _address.get()


def current_actor() -> Actor:
    """Who acts in this thread; in one that was started by another, no one."""
    return _actor.get()()


@contextmanager
def calling_from(address: str | None) -> Iterator[None]:
    """Inside the block the caller is at ``address``."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


@contextmanager
def acting_as(user: User | AnonymousUser | None, name: str = "") -> Iterator[None]:
    """Inside the block ``user`` acts; no one where that is None and there is no ``name``.

    :param name: of who is no user, such as a robot; else the user's own.
    """
    with _acting(lambda: _actor_of(user, name)):
        yield


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """Inside the block the request's user acts, from its address.

    Who that is, is asked whenever someone wants to know it: the session is read later than this, and the API reads its
    tokens in the view, and then sets ``request.user``.
    """
    with calling_from(client_address(request)), _acting(lambda: _actor_of(getattr(request, "user", None))):
        yield


@contextmanager
def on_its_own() -> Iterator[None]:
    """Inside the block the portal itself acts, and no one calls it."""
    with calling_from(None), acting_as(None):
        yield


@contextmanager
def _acting(ask: Callable[[], Actor]) -> Iterator[None]:
    token = _actor.set(ask)
    try:
        yield
    finally:
        _actor.reset(token)


def _actor_of(user: User | AnonymousUser | None, name: str = "") -> Actor:
    if user is None:
        return Actor(name=name)
    return Actor(user if user.is_authenticated else None, name or user.get_username())


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
            return _read(chain[max(len(chain) - hops, 0)])
    return _read(request.META.get("REMOTE_ADDR", ""))


def _read(text: str) -> str | None:
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
