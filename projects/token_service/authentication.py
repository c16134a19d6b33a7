"""Who knocks at the registry's door: a person, a robot account, or an anonymous caller."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from accounts.caller import current_address
from accounts.models import ApiToken
from accounts.sign_in import throttling
from accounts.sign_in.services import InvalidCredentials, TooManyFailures, check_password, has_second_factor
from accounts.sign_in.tokens import MARK, digest_of, find_token
from projects.models import Robot

LAST_USED_EVERY: Final = timedelta(seconds=60)
_ROBOT: Final = re.compile(r"robot\$([a-z0-9._-]{1,63})\+([a-z0-9._-]{1,60})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """One of ``user`` and ``robot``, or neither: an anonymous caller. ``token`` narrows what its user may."""

    user: User | None = None
    robot: Robot | None = None
    token: ApiToken | None = None

    @property
    def name(self) -> str:
        """As the registry's tokens and the audit log call them; empty for an anonymous caller."""
        if self.robot is not None:
            return self.robot.login
        return self.user.get_username() if self.user is not None else ""


ANONYMOUS: Final = Caller()


def identify(*, username: str, password: str) -> Caller:
    """The caller with this name, and an API token, a robot's secret or, where allowed, the password.

    A right token or robot secret is never refused for failures before: it can't be guessed, and one look at it costs a
    question to the database and a quick hash.

    :raises TooManyFailures: this account or address failed too often.
    :raises InvalidCredentials: whatever the cause: unknown, wrong, expired, revoked, blocked.
    """
    address = current_address()
    if _ROBOT.fullmatch(username):
        return _known(_robot(username, password), address)
    if password.startswith(MARK):
        return _known(_token_holder(username, password), address)
    user = check_password(username=username, password=password)
    if not settings.TOKEN_SERVICE_PASSWORDS or has_second_factor(user):
        throttling.failed(account=username, address=address)
        raise InvalidCredentials
    throttling.succeeded(account=username, address=address)
    return Caller(user=user)


def identify_by_token(text: str) -> Caller:
    """The caller whose API token stands in for a refresh token.

    :raises TooManyFailures, InvalidCredentials: as :func:`identify`.
    """
    token = find_token(text)
    return _known(Caller(user=token.user, token=token) if token else None, current_address())


def _known(caller: Caller | None, address: str | None) -> Caller:
    """The caller by token or robot secret, if there is one; else a failure of the address.

    :raises TooManyFailures: the address failed too often.
    :raises InvalidCredentials: no one has this secret.
    """
    if caller is not None:
        return caller
    wait = throttling.secrets_blocked_for(address=address)
    if wait:
        raise TooManyFailures(wait)
    throttling.secret_failed(address=address)
    raise InvalidCredentials


def _token_holder(username: str, text: str) -> Caller | None:
    token = find_token(text)
    if token is None or token.user.get_username() != username:
        return None
    return Caller(user=token.user, token=token)


def robot_called(login: str) -> Robot | None:
    """The robot account with this name at the registry's door, unless it has expired."""
    named = _ROBOT.fullmatch(login)
    if named is None:
        return None
    robot = Robot.objects.select_related("project").filter(project__name=named[1], name=named[2]).first()
    if robot is None:
        return None
    if robot.expires_at is not None and robot.expires_at <= timezone.now():
        return None
    return robot


def _robot(username: str, secret: str) -> Caller | None:
    robot, now = robot_called(username), timezone.now()
    if robot is None or not hmac.compare_digest(robot.digest, digest_of(secret)):
        return None
    stale = now - LAST_USED_EVERY
    if robot.last_used_at is None or robot.last_used_at < stale:
        used = Robot.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=stale), pk=robot.pk)
        used.update(last_used_at=now)
    return Caller(robot=robot)
