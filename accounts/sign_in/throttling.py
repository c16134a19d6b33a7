"""Failed sign-ins, counted so that guessing ends and a stranger who guesses locks out no one but themselves.

Passwords. Hard: failures of an account from one address, and of one address at any account. Soft: failures of an
account from anywhere, which end guessing from many addresses, yet never at an address where the account has signed in
before. Anyone who is over a limit is answered before their password is looked at, so that a right guess tells nothing.

API tokens and robot secrets are random beyond guessing, so a right one is always taken. Wrong ones are counted by
address alone, apart from passwords: a program with an old token does not lock out the people of its office.

The counts live in the shared cache and, beside it, in this process: with Redis away the second still holds.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.utils import timezone

from accounts.dedupe import first_within
from accounts.models import KnownAddress

#: Failures within one window of :data:`WINDOW` seconds, which begins with the first.
PER_ACCOUNT = 10
#: Failures of one account from anywhere: three strangers' worth.
PER_ACCOUNT_ANYWHERE = 30
#: Many people may share an address.
PER_ADDRESS = 60
WINDOW = 300
#: A known address is written down at most once in this time, seconds.
REMEMBERED_EVERY = 24 * 3600


def blocked_for(*, account: str, address: str | None) -> int:
    """Seconds until a password may be tried again; 0: now.

    :param address: the caller's, None where it is not known.
    """
    wait = _wait([(_pair_key(account, address), PER_ACCOUNT), *_address_keys("passwords", address)])
    if wait:
        return wait
    wait = _wait([(_account_key(account), PER_ACCOUNT_ANYWHERE)])
    return wait if wait and not is_known(account=account, address=address) else 0


def failed(*, account: str, address: str | None) -> None:
    """Note a wrong password."""
    for key, _limit in _address_keys("passwords", address):
        _count(key)
    _count(_pair_key(account, address))
    _count(_account_key(account))


def succeeded(*, account: str, address: str | None) -> None:
    """A right password: clears the account's failures at this address, which is known from now on."""
    key = _pair_key(account, address)
    for counts in _stores():
        counts.delete_many([key, _end(key)])
    if address:
        known = _known_key(account, address)
        if first_within(REMEMBERED_EVERY, f"known address {known}"):
            KnownAddress.objects.update_or_create(key=known, defaults={"seen_at": timezone.now()})


def secrets_blocked_for(*, address: str | None) -> int:
    """Seconds until a wrong token or robot secret of this address is called wrong again, and not only too many."""
    return _wait(_address_keys("secrets", address))


def secret_failed(*, address: str | None) -> None:
    """Note a wrong token or robot secret."""
    for key, _limit in _address_keys("secrets", address):
        _count(key)


def counted(what: str, who: str, *, most: int, times: int = 1) -> int:
    """Note that ``who`` did ``what``. Seconds to wait where it was done ``most`` times within the window, else 0.

    :param times: as how many it counts; the last may go beyond ``most``.
    """
    digest = hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    key = f"counted:{what}:{digest}"
    wait = _wait([(key, most)])
    if not wait:
        _count(key, times)
    return wait


def network_of(address: str | None) -> str:
    """What addresses are counted by; empty where the address is not known."""
    return _network(address) if address else ""


def is_known(*, account: str, address: str | None) -> bool:
    """Whether the account has signed in from this address before."""
    return bool(address) and KnownAddress.objects.filter(key=_known_key(account, address or "")).exists()


def _wait(keys: list[tuple[str, int]]) -> int:
    for key, limit in keys:
        end, count = max((_read(counts, key) for counts in _stores()), key=lambda found: found[1])
        if count >= limit:
            return max(1, math.ceil(end - time.time()))
    return 0


def _count(key: str, times: int = 1) -> None:
    for counts in _stores():
        counts.add(_end(key), time.time() + WINDOW, WINDOW)
        if not counts.add(key, times, WINDOW):
            try:
                counts.incr(key, times)
            except ValueError:  # it expired between the two calls
                counts.set(key, times, WINDOW)


def _address_keys(what: str, address: str | None) -> list[tuple[str, int]]:
    return [(f"sign-in:address:{what}:{_network(address)}", PER_ADDRESS)] if address else []


def _pair_key(account: str, address: str | None) -> str:
    return f"{_account_key(account)}:{_network(address) if address else ''}"


def _account_key(account: str) -> str:
    return f"sign-in:account:{_account_digest(account)}"


def _account_digest(account: str) -> str:
    """Names are hashed: they may be anything of any length, and may be a password typed into the wrong field."""
    return hashlib.sha256(account.casefold().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _known_key(account: str, address: str) -> str:
    """Keyed, so that the table tells no one who signs in from where."""
    text = f"known address {_account_digest(account)} {_network(address)}"
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def _network(address: str) -> str:
    """What one subscriber has: an address of IPv4, a /64 of IPv6 (RFC 6177; hosts choose the rest at will)."""
    found = ipaddress.ip_address(address)
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def _stores() -> tuple[BaseCache, BaseCache]:
    """The counts of this process, and those that all share."""
    return caches["local"], caches["default"]


def _end(key: str) -> str:
    """Where the moment is kept at which the key's window ends."""
    return f"{key}:end"


def _read(counts: BaseCache, key: str) -> tuple[float, int]:
    """When the key's window ends, and the count so far."""
    found = counts.get_many([key, _end(key)])
    count = found.get(key, 0)
    end = found.get(_end(key), time.time() + WINDOW)
    return (end, count) if isinstance(count, int) and isinstance(end, float) else (0.0, 0)
