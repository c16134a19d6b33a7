"""Whose turn it is with what all share: places of imports, comparisons of schedules, deliveries of webhooks.

An *account* is the person for whom something is done, over all projects (``user:<id>``); where the person is gone, or
there never was one, the project (``project:<id>``). What one account can do to another is bounded: see the table in
docs/scaling.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from imageimport.models import AccountTurn

Kind = AccountTurn.Kind
#: Before all moments at which anyone was served.
NEVER: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
#: A turn that was longer ago says no more than none. Days.
REMEMBERED: Final = 30


def account_of(user: Any, project: UUID) -> str:
    """The account of ``user`` (an id, or None) in ``project``."""
    return f"user:{user}" if user is not None else project_account(project)


def project_account(project: UUID) -> str:
    """Projects of one account take turns as well, under this name."""
    return f"project:{project}"


def served_at(kind: AccountTurn.Kind, accounts: Collection[str]) -> dict[str, dt.datetime]:
    """When each was served last; those that never were are missing."""
    rows = AccountTurn.objects.filter(kind=kind, account__in=accounts)
    return dict(rows.values_list("account", "served_at"))


def note(kind: AccountTurn.Kind, accounts: Collection[str], now: dt.datetime) -> None:
    """These were served now, or have just given back what they had: they are the last in line."""
    AccountTurn.objects.bulk_create(
        [AccountTurn(kind=kind, account=account, served_at=now) for account in sorted(accounts)],
        update_conflicts=True,
        unique_fields=["kind", "account"],
        update_fields=["served_at"],
    )


def longest_ago(served: Mapping[str, dt.datetime], account: str) -> tuple[dt.datetime, str]:
    """Orders accounts by when they were served last, first those that never were."""
    return served.get(account, NEVER), account


@contextmanager
def one_at_a_time(lock: int) -> Iterator[None]:
    """A transaction that no one else is in. SQLite's write transaction is a lock already (transaction_mode
    IMMEDIATE); PostgreSQL gets one by number."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
        yield
