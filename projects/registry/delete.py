"""Removing one tag from the private registry, and nothing else."""

from __future__ import annotations

import json
import secrets
from typing import Final

from django.utils.translation import gettext_noop

from oci.errors import OciError
from oci.registry.repository import Repository
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.media_types import OCI_INDEX
from projects.registry.client import DELETE, opened_repository

#: Marks the empty index that stands in for a tag on its way out.
TOMBSTONE: Final = "registry-portal.tombstone"
#: A digest that no manifest has: asking to delete it tells whether deleting is allowed at all.
_NOTHING: Final = "sha256:" + "0" * 64


def delete_tag(*, repository: str, tag: str) -> bool:
    """Remove ``tag``; False where there was none. Whatever else names the same digest stays.

    Registries that can, delete the tag itself. Distribution 2 deletes by digest only, and takes every tag of that
    digest along; there the tag is first put on an empty index that nothing else names, and that one is deleted.

    :raises OciError: the registry is away or does not allow it; the tag is as it was.
    """
    with opened_repository(repository, DELETE) as there:
        if there.head_manifest(tag) is None:
            return False
        there.delete_manifest(_NOTHING)
        try:
            there.delete_manifest(tag)
        except OciError as exc:
            if exc.retryable:
                raise
        if there.head_manifest(tag) is not None:
            _bury(there, tag)
        return True


def _bury(repository: Repository, tag: str) -> None:
    tombstone = _tombstone()
    repository.put_manifest(tag, tombstone)
    repository.delete_manifest(tombstone.digest)
    if repository.head_manifest(tag) is not None:
        raise OciError(
            "target_error",
            gettext_noop("%(host)s did not delete the tag %(tag)s."),
            host=repository.host,
            tag=f"{repository.name}:{tag}",
        )


def _tombstone() -> Manifest:
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [],
        "annotations": {TOMBSTONE: secrets.token_hex(16)},
    }
    return parse_manifest(json.dumps(body).encode(), OCI_INDEX, expected_digest=None)
