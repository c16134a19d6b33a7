"""Places for what waits for another host in a thread of the web server: few of them, so that the others go on.

A registry that is silent holds the thread that asks it. Questions that people put to foreign registries (plans, tests
of a sign-in) may hold a quarter of a process's threads, and one person :data:`PER_USER` in the whole installation;
what is done at the private registry may hold half of them, of which one person reads what is inside images in
:data:`PER_USER`; and downloads, which take hours, a quarter. A request without a place is refused at once with a time
to come back.

Workers read layers for those who look at files; they are few as well, and taken in turn (:func:`is_turn_of`).
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from oci.cancel import CancelToken
from oci.errors import Canceled, OciError

#: Of one person at once, in all web processes: questions to foreign registries, readings of images, downloads.
PER_USER: Final = 2
#: When to come back, seconds.
COME_BACK: Final = 5
#: A place whose process died is free again after this long, seconds: longer than anyone is let wait.
_FORGOTTEN: Final = 60
#: The same for a download, which renews its place: who continues one need not wait long.
_SILENT: Final = 20
#: Who waits in line for a worker asks again within this; seconds.
_IN_LINE: Final = 15
#: A download waits this long for a place, looking so often; seconds.
_MOMENT: Final = 1.0
_LOOK: Final = 0.1
_ALL_TAKEN: Final = gettext_noop(
    "Too many registries are being queried at once. Try again in %(seconds)d seconds."
)

_DOWNLOADS_TAKEN: Final = gettext_noop(
    "Too many downloads are in progress. Try again in %(seconds)d seconds; a download that was interrupted continues "
    "where it stopped."
)


@contextmanager
def asking_others(user: User | None, *, seconds: float) -> Iterator[CancelToken]:
    """A place for questions to foreign registries, for ``seconds`` in all: the token is pulled then.

    :raises ApplicationError: ``throttled``: no place is free, or ``user`` has as many as one may.
    :raises OciError: ``timeout``.
    """
    cancel = CancelToken()
    with (
        _held(_foreign(), _throttled()),
        _one_of(user.pk if user else None, "asking", _throttled()),
        cancel.after(seconds),
    ):
        try:
            yield cancel
        except Canceled:
            raise OciError(
                "timeout",
                gettext_noop("The registry did not answer within %(seconds)d seconds. Try again later."),
                seconds=int(seconds),
            ) from None


@contextmanager
def asking_ours() -> Iterator[None]:
    """A place for what is done at the private registry.

    :raises OciError: ``rate_limited``: it answers so slowly that no place is free.
    """
    with _held(_own(), _slow()):
        yield


@contextmanager
def reading_ours(reader: User | None) -> Iterator[None]:
    """A place for reading what is inside images of the private registry, beside what else is done there.

    :param reader: who looks at it; None: the portal itself.
    :raises OciError: ``rate_limited``: no place is free, or ``reader`` has as many as one may.
    """
    with asking_ours(), _one_of(reader.pk if reader else None, "reading", _slow()):
        yield


class Busy(Exception):
    """Something is done for the account already."""


@contextmanager
def one_at_a_time(account: object, what: str) -> Iterator[Callable[[], None]]:
    """The one place of an account for ``what`` workers do for it; what it gives is to be called time and again.

    :raises Busy: it has it already.
    """
    with _one_of(account, what, Busy(), count=1) as renew:
        yield renew


def is_turn_of(account: object, what: str, free: int) -> bool:
    """Whether ``account`` is among the first ``free`` that wait for ``what`` workers do, and leaves the line then; else
    it stays in line as long as it asks again.

    What two write at the same moment may lose one of them, who is in line again when it asks next.
    """
    key, now = f"line:{what}", time.time()
    line = {who: at for who, at in cache.get(key, []) if at > now - _IN_LINE}
    ahead = list(line).index(account) if account in line else len(line)
    line[account] = now
    if ahead < free:
        del line[account]
    cache.set(key, list(line.items()), _IN_LINE)
    return ahead < free


@contextmanager
def downloading(user: User) -> Iterator[Callable[[], None]]:
    """A place for a download; what it gives is to be called time and again while the download goes on.

    Who asks for the next file right after one waits a moment: the place of the first is given back only then.

    :raises ApplicationError: ``downloads_busy``: no place is free, or ``user`` has as many as one may.
    """
    busy = ApplicationError("downloads_busy", _DOWNLOADS_TAKEN, retry_after=COME_BACK, seconds=COME_BACK)
    until = time.monotonic() + _MOMENT
    mine = _one_of(user.pk, "downloading", busy, until=until, forgotten=_SILENT)
    with _held(_downloads(), busy, until), mine as renew:
        yield renew


@contextmanager
def _held(places: threading.Semaphore, refusal: Exception, until: float = 0.0) -> Iterator[None]:
    """Hold a place inside the block.

    :param until: waits for a place until then, monotonic seconds.
    """
    if not places.acquire(timeout=max(0.0, until - time.monotonic())):
        raise refusal
    try:
        yield
    finally:
        places.release()


@contextmanager
def _one_of(
    account: object,
    what: str,
    refusal: Exception,
    *,
    count: int = PER_USER,
    until: float = 0.0,
    forgotten: int = _FORGOTTEN,
) -> Iterator[Callable[[], None]]:
    """One of the account's places, held in the shared cache; with Redis away only the process's own count. Gives what
    renews it. None: there is no account, nor a limit."""
    if account is None:
        yield lambda: None
        return
    holder = secrets.token_hex(8)
    keys = [f"{what}:{account}:{number}" for number in range(count)]
    while (key := next((each for each in keys if cache.add(each, holder, forgotten)), None)) is None:
        if time.monotonic() >= until:
            raise refusal
        time.sleep(_LOOK)
    renewed = time.monotonic()

    def renew() -> None:
        nonlocal renewed
        if time.monotonic() - renewed > forgotten / 4:
            renewed = time.monotonic()
            cache.set(key, holder, forgotten)

    try:
        yield renew
    finally:
        if cache.get(key) == holder:
            cache.delete(key)


def _slow() -> OciError:
    return OciError("rate_limited", _ALL_TAKEN, retryable=True, retry_after=COME_BACK, seconds=COME_BACK)


def _throttled() -> ApplicationError:
    return ApplicationError("throttled", _ALL_TAKEN, retry_after=COME_BACK, seconds=COME_BACK)


@lru_cache(maxsize=1)
def _foreign() -> threading.Semaphore:
    return threading.BoundedSemaphore(max(1, _threads() // 4))


@lru_cache(maxsize=1)
def _own() -> threading.Semaphore:
    return threading.BoundedSemaphore(max(1, _threads() // 2))


@lru_cache(maxsize=1)
def _downloads() -> threading.Semaphore:
    return threading.BoundedSemaphore(max(1, _threads() // 4))


def _threads() -> int:
    """The number of threads of this process; see ``gunicorn.conf.py`` and :mod:`registry_portal.web.webworker`."""
    return int(os.environ.get("WEB_THREADS") or 8)
