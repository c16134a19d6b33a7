"""Migrations only add, so that the release before goes on working while this one is rolled out.

``python -m scripts.migrations``: every operation of a migration after the first release is judged. What takes away
waits for the release after the last reader went, and then says so: ``contracts = "why no one reads it anymore"`` on
the migration's class.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import django
from django.db.migrations import Migration, operations
from django.db.models import NOT_PROVIDED

#: The last migrations of release 0.1.0: nothing older ever ran beside them.
FIRST_RELEASE: Final = {"accounts": "0001", "projects": "0001", "imageimport": "0001", "workloads": "0001"}

_TAKES_AWAY: Final = (
    operations.RemoveField,
    operations.DeleteModel,
    operations.RenameField,
    operations.RenameModel,
    operations.AlterModelTable,
)


def main() -> int:
    """0 if every migration of ours only adds."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_portal.settings")
    django.setup()
    from django.db.migrations.loader import MigrationLoader

    found = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    problems = [
        problem
        for (app, name), migration in sorted(found.items())
        if app in FIRST_RELEASE and name[:4] > FIRST_RELEASE[app]
        for problem in judge(migration)
    ]
    print("\n".join(problems))
    return 1 if problems else 0


def judge(migration: Migration) -> Iterator[str]:
    """What the release before could not live with."""
    if getattr(migration, "contracts", ""):
        return
    for operation in _flat(migration.operations):
        where = f"{migration.app_label}.{migration.name}: {operation.describe()}"
        if isinstance(operation, _TAKES_AWAY):
            yield f"{where}. The release before still uses it."
        elif isinstance(operation, operations.AddField):
            field = operation.field
            bare = getattr(field, "db_default", NOT_PROVIDED) is NOT_PROVIDED
            if bare and not field.null and not field.many_to_many:
                yield f"{where}. The release before inserts rows without it: null=True or db_default."


def _flat(found: Sequence[operations.base.Operation]) -> Iterator[operations.base.Operation]:
    for operation in found:
        if isinstance(operation, operations.SeparateDatabaseAndState):
            yield from _flat(operation.database_operations)
        else:
            yield operation


if __name__ == "__main__":
    sys.exit(main())
