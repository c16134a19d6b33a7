"""A database of an earlier development version is refused, not taken for one that is migrated."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from registry_portal.history import EARLIER

pytestmark = pytest.mark.django_db


def test_a_database_of_an_earlier_version_is_refused_with_a_sentence() -> None:
    MigrationRecorder(connection).record_applied(*EARLIER)
    with pytest.raises(CommandError, match="earlier development version"):
        call_command("migrate", verbosity=0)


def test_any_other_is_migrated() -> None:
    call_command("migrate", verbosity=0)
