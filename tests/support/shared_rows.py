"""Rows that all tests of a file share: made once, and what a test changes is taken back at its end.

Such a file has no ``django_db``, whose tests close the connection and with it the transaction that holds the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def undone() -> Iterator[None]:
    """Whatever the block writes is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
