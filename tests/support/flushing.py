"""After a test with transactions of its own, its rows are deleted; content types and permissions need not be.

They follow from the models, and Django's flush deletes them only to make them again: most of the time of the flush.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
from django.core.management.sql import emit_post_migrate_signal
from django.db.models.signals import post_migrate

KEPT = {ContentType._meta.db_table, Permission._meta.db_table}
_UID = "django.contrib.auth.management.create_permissions"


def _sql_flush(style: Any, connection: Any, **options: Any) -> list[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    found: list[str] = connection.ops.sql_flush(
        style, [each for each in tables if each not in KEPT], **options
    )
    return found


def _emit(*arguments: Any, **options: Any) -> None:
    """What other apps do after a migration is done."""
    post_migrate.disconnect(dispatch_uid=_UID)
    post_migrate.disconnect(create_contenttypes)
    try:
        _emit_to_all(*arguments, **options)
    finally:
        post_migrate.connect(create_contenttypes)
        post_migrate.connect(create_permissions, dispatch_uid=_UID)


_emit_to_all = emit_post_migrate_signal


@contextmanager
def types_and_permissions_stay() -> Iterator[None]:
    """While this lasts, ``flush`` leaves them where they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "sql_flush", _sql_flush)
        patch.setattr(flush, "emit_post_migrate_signal", _emit)
        yield
