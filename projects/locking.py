"""Rows that several people or processes want at once: a lock for a transaction, a lease for work that takes longer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.http import Http404


class LeaseLost(Exception):
    """The row is another process's now, or has ended; nothing that its former holder knows may be written."""


@dataclass(frozen=True, slots=True)
class Leases:
    """How one process at a time works at a row: a column says until when the row is its own.

    A process that dies gives nothing back: its row is free once the time is up. What tells one holder from the next
    (a fence, an owner, a count of tries) is in the rows that are passed in.

    :param column: the moment at which the lease ends; NULL where no one holds the row.
    :param seconds: how long a lease lasts unless it is renewed.
    """

    column: str
    seconds: float

    def until(self, now: dt.datetime) -> dt.datetime:
        """When a lease ends that begins ``now``."""
        return now + dt.timedelta(seconds=self.seconds)

    def is_free(self, now: dt.datetime) -> Q:
        """No one holds the row."""
        return Q(**{self.column: None}) | Q(**{f"{self.column}__lte": now})

    def is_held(self, now: dt.datetime) -> Q:
        """A process holds the row."""
        return Q(**{f"{self.column}__gt": now})

    def take(self, rows: QuerySet[Any], now: dt.datetime, **changes: Any) -> bool:
        """Hold a row from ``now`` on; whether this process got it: of several that try at once, one does.

        :param rows: the row, filtered by what makes it free to take; the update must leave that filter.
        :param changes: columns that change with it.
        """
        return bool(rows.update(**{self.column: self.until(now), **changes}))

    def renew(self, rows: QuerySet[Any], now: dt.datetime, **changes: Any) -> None:
        """Hold the row for longer.

        :param rows: the row, filtered by what tells this holder from the next.
        :param changes: columns that change with it; the lease's own as well.
        :raises LeaseLost: the row is no longer this holder's.
        """
        if not self.take(rows, now, **changes):
            raise LeaseLost

    def give_back(self, rows: QuerySet[Any], **changes: Any) -> bool:
        """The row is free at once; whether it was still this holder's.

        :param rows: the row, filtered by what tells this holder from the next.
        """
        return bool(rows.update(**{self.column: None, **changes}))


def locked(row: Model, *related: str) -> None:
    """Lock the row until the transaction ends, and read it again: what was read before the lock may be old.

    What is written afterwards is judged on what stands there, not on what the caller once saw. Call it before anything
    of the row is changed in memory. SQLite's write transaction is the lock (transaction_mode IMMEDIATE).

    :param related: foreign keys whose rows are read with it.
    :raises Http404: someone deleted it in the meantime.
    """
    rows = type(row)._base_manager.select_for_update(of=("self",)).select_related(*related)
    try:
        row.refresh_from_db(from_queryset=rows)
    except type(row).DoesNotExist:  # type: ignore[attr-defined]  # each model has its own
        raise Http404 from None
