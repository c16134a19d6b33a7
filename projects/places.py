"""Places for what waits for another host in a thread of the web server: few of them, so that the others go on.

A registry that is silent holds the thread that asks it. Questions that people put to foreign registries (plans, tests
of a sign-in) may hold a quarter of a process's threads, and one person :data:`PER_USER` in the whole installation;
what is done at the private registry may hold half of them. Whoever finds no place is refused at once and told when to
come back.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from django.contrib.auth.models import User
from django.core.cache import cache

from oci.cancel import CancelToken
from oci.errors import Canceled, OciError, gettext_noop

#: Questions of one person to foreign registries at once, in all web processes.
PER_USER: Final = 2
#: When to come back, seconds.
COME_BACK: Final = 5
#: A place whose process died is free again after this long, seconds: longer than anyone is let wait.
_FORGOTTEN: Final = 60


class AllTaken(OciError):
    """There is no place; ``retry_after`` says when to come back."""

    def __init__(self) -> None:
        super().__init__(
            "rate_limited",
            gettext_noop("Too many registries are being asked at once. Try again in %(seconds)d seconds."),
            retryable=True,
            retry_after=COME_BACK,
            seconds=COME_BACK,
        )


@contextmanager
def asking_others(user: User | None, *, seconds: float) -> Iterator[CancelToken]:
    """A place for questions to foreign registries, for ``seconds`` in all: the token is pulled then.

    :raises AllTaken: no place is free, or ``user`` has as many as one may.
    :raises OciError: ``timeout``.
    """
    cancel = CancelToken()
    alarm = threading.Timer(seconds, cancel.cancel, args=["timeout"])
    alarm.daemon = True
    with _held(_foreign()), _one_of(user):
        alarm.start()
        try:
            yield cancel
        except Canceled:
            raise OciError(
                "timeout",
                gettext_noop("The registries did not answer all questions within %(seconds)d seconds."),
                seconds=int(seconds),
            ) from None
        finally:
            alarm.cancel()


@contextmanager
def asking_ours() -> Iterator[None]:
    """A place for what is done at the private registry.

    :raises AllTaken: it answers so slowly that no place is free.
    """
    with _held(_own()):
        yield


@contextmanager
def _held(places: threading.Semaphore) -> Iterator[None]:
    if not places.acquire(blocking=False):
        raise AllTaken
    try:
        yield
    finally:
        places.release()


@contextmanager
def _one_of(user: User | None) -> Iterator[None]:
    """One of the user's places, held in the shared cache; with Redis away only the process's own count."""
    if user is None:
        yield
        return
    holder = secrets.token_hex(8)
    keys = [f"asking:{user.pk}:{number}" for number in range(PER_USER)]
    key = next((each for each in keys if cache.add(each, holder, _FORGOTTEN)), None)
    if key is None:
        raise AllTaken
    try:
        yield
    finally:
        if cache.get(key) == holder:
            cache.delete(key)


@lru_cache(maxsize=1)
def _foreign() -> threading.Semaphore:
    return threading.BoundedSemaphore(max(1, _threads() // 4))


@lru_cache(maxsize=1)
def _own() -> threading.Semaphore:
    return threading.BoundedSemaphore(max(1, _threads() // 2))


def _threads() -> int:
    """Of this process; see ``gunicorn.conf.py`` and :mod:`registry_portal.webworker`."""
    return int(os.environ.get("WEB_THREADS") or 8)
