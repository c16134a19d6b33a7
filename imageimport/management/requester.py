"""Who is recorded as the requester of what a command imports."""

from __future__ import annotations

from argparse import ArgumentParser

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.utils.translation import gettext as _


def add_argument(parser: ArgumentParser) -> None:
    """``--user NAME``."""
    parser.add_argument(
        "--user",
        default="",
        metavar="NAME",
        help="the user who is recorded as the requester; default: none",
    )


def find(name: str) -> User | None:
    """The user of that name; None where the name is empty.

    :raises CommandError: there is none.
    """
    if not name:
        return None
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(_("The user %(name)s doesn't exist.") % {"name": name})
    return found
