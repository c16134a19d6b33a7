"""Signing in with name and password, for every door: the page, the API, the registry."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from accounts.caller import current_address
from accounts.sign_in import throttling
from accounts.sign_in.allauth_internals import TOTP, get_reauthentication_flows

#: Seconds after signing in, or typing the password again, in which it is not asked for once more.
LATELY: Final = 600


class InvalidCredentials(Exception):
    """No such user, a wrong password, a blocked user, a missing second factor: all the same to the caller."""


@dataclass
class TooManyFailures(Exception):
    """Over a limit of :mod:`accounts.sign_in.throttling`; may be tried again after ``seconds``."""

    seconds: int


def check_password(*, username: str, password: str) -> User:
    """The active user with this name and password. Every failure counts.

    :raises TooManyFailures: before the password is looked at.
    :raises InvalidCredentials: whatever the cause.
    """
    address = current_address()
    wait = throttling.blocked_for(account=username, address=address)
    if wait:
        raise TooManyFailures(wait)
    user = None
    if username and password and "\0" not in username:
        user = authenticate(username=username, password=password)
    if user is None or not user.is_active:
        throttling.failed(account=username, address=address)
        raise InvalidCredentials
    return user


def has_second_factor(user: User) -> bool:
    """The user has switched on TOTP, so that a password alone opens nothing."""
    return bool(is_mfa_enabled(user))


def check_second_factor(*, user: User, code: str) -> None:
    """Accept ``code`` where the user has a second factor; do nothing where they have none.

    :raises TooManyFailures: before the code is looked at.
    :raises InvalidCredentials: it is missing, wrong or used before; a code counts for this account at every door.
    """
    if not has_second_factor(user):
        return
    account = second_factor_of(user)
    wait = throttling.blocked_for(account=account, address=None)
    if wait:
        raise TooManyFailures(wait)
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if row is None or not code or not TOTP(row).validate_code(code):
        throttling.failed(account=user.get_username(), address=current_address())
        if code:
            throttling.failed(account=account, address=None)
        raise InvalidCredentials
    throttling.succeeded(account=account, address=None)


def second_factor_of(user: Any) -> str:
    """What wrong codes are counted by, wherever they come from: who guesses them knows the password."""
    return f"second factor of {user.get_username()}"


def signed_in_lately(user: User, sign_ins: Iterable[Mapping[str, Any]]) -> bool:
    """The person has shown who they are, by whatever factor, within :data:`LATELY`. Who can show it nowhere here (an
    identity provider vouches for them, and there is no second factor) is believed.

    :param sign_ins: those of the session, each with its moment (``at``, seconds since 1970).
    """
    if not get_reauthentication_flows(user):
        return True
    moments = [record.get("at", 0) for record in sign_ins]
    return time.time() - max(moments, default=0) < LATELY
