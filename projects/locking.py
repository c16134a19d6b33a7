"""Rows that several people change at once: one after the other, each on what the one before has made of it."""

from __future__ import annotations

from django.db.models import Model
from django.http import Http404


def locked(row: Model, *related: str) -> None:
    """Lock the row until the transaction ends, and read it again: what was read before the lock may be old.

    What is written afterwards is judged on what stands there, not on what the caller once saw. Call it before anything
    of the row is changed in memory. SQLite's write transaction is the lock (transaction_mode IMMEDIATE).

    :param related: foreign keys whose rows are read with it.
    :raises Http404: someone deleted it meanwhile.
    """
    rows = type(row)._base_manager.select_for_update(of=("self",)).select_related(*related)
    try:
        row.refresh_from_db(from_queryset=rows)
    except type(row).DoesNotExist:  # type: ignore[attr-defined]  # each model has its own
        raise Http404 from None
