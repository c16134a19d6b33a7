"""Databases of earlier development versions, whose migrations became one: Django would take them for migrated."""

from __future__ import annotations

from typing import Any, Final

from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

#: Every such database has recorded it, and none that was made since.
EARLIER: Final = ("imageimport", "0002_credentials_erased")


def refuse_older(*, using: str, **_: Any) -> None:
    """Receiver of ``pre_migrate``.

    :raises CommandError: the database is one of those; nothing was changed.
    """
    recorder = MigrationRecorder(connections[using])
    if recorder.has_table() and EARLIER in recorder.applied_migrations():
        raise CommandError(
            "This database was made by an earlier development version of the portal and can't be migrated. Move it "
            "away (with SQLite: portal.sqlite3 in the data directory) and start again. Images stay in the registry."
        )
