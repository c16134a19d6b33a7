"""A protected tag that a foreign push moved, or a foreign deletion took, names again what it named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.caller import acting_as
from oci.registry.repository import Repository
from projects import audit, protection
from projects.models import Image
from projects.registry.client import PUSH, opened_repository

log = structlog.get_logger(__name__)

#: Told, in the transaction, which tag was put back, and what it had been put on (empty: it was gone).
when_restored: Final[list[Callable[[Image, str], None]]] = []


def put_back(there: Repository, row: Image) -> bool:
    """Put the tag on the row's digest where it is protected; False where it is not, or the registry has lost it.

    :param there: its repository, opened to be read.
    :param row: what the tag names by right: imports and roll-backs write it.
    :raises OciError: the registry is away or refuses.
    """
    pattern = protection.pattern_for(row.project, row.repository, row.tag)
    if not pattern:
        return False
    manifest = there.find_manifest(row.digest)
    if manifest is None:
        log.error("protection.manifest_lost", repository=there.name, tag=row.tag, digest=row.digest)
        return False
    found = there.head_manifest(row.tag)
    was = (found.digest or "") if found is not None else ""
    if was == row.digest or not Image.objects.filter(pk=row.pk, digest=row.digest).exists():
        return was == row.digest  # an import has just ended
    with opened_repository(there.name, PUSH) as writable:
        writable.put_manifest(row.tag, manifest)
    log.warning("protection.put_back", repository=there.name, tag=row.tag, digest=row.digest, was=was)
    with transaction.atomic(), acting_as(None):
        Image.objects.filter(pk=row.pk).update(checked_at=timezone.now())
        audit.record("tag.restored", row, digest=row.digest, was=was, pattern=pattern)
        for tell in when_restored:
            tell(row, was)
    return True
