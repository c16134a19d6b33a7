"""Receipts: the digests that a project holds. The other side's says what a bundle for it can leave out."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from imageimport.models import Bundle, BundleEntry
from oci.copy.manifest_tree import Tree, read_tree
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError
from oci.spec.digest import is_digest
from projects.models import Image, Project
from projects.registry.client import PULL, opened_repository

#: Digests of one receipt; a text of them has 75 bytes for each by SHA-256.
MAX_DIGESTS: Final = 200_000
_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Known:
    """What the other side has: an earlier bundle with all that it was based on, or the digests of a receipt."""

    bundle: UUID | None = None
    digests: frozenset[str] = frozenset()


NOTHING: Final = Known()


def digests_of(project: Project, known: Known) -> Collection[str]:
    """All digests that the other side has.

    :raises FieldErrors: the bundle is none of the project's.
    """
    if known.bundle is None:
        return known.digests
    if not Bundle.objects.filter(project=project, pk=known.bundle).exists():
        raise FieldErrors({"known": [_("This project has no such bundle.")]})
    return known.digests.union(
        BundleEntry.objects.filter(bundle=known.bundle).order_by().values_list("digest", flat=True)
    )


def read_receipt(document: Any) -> Known:
    """A receipt as :func:`receipt` writes it; only its digests are looked at.

    :raises ValueError: it is none; the text says so.
    """
    found = document.get("digests") if isinstance(document, Mapping) else None
    if isinstance(found, list) and len(found) > MAX_DIGESTS:
        raise ValueError(_("This receipt lists more than %(limit)d digests.") % {"limit": MAX_DIGESTS})
    if not isinstance(found, list) or not all(map(is_digest, found)):
        raise ValueError(_("This is not a receipt. A receipt is JSON with a list of digests."))
    return Known(digests=frozenset(found))


def parse_receipt(body: bytes) -> Known:
    """A receipt from the text of a file, whose size is the caller's to bound. Errors as of :func:`read_receipt`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    return read_receipt(document)


def receipt(project: Project) -> Generator[bytes, None, None]:
    """The text of a project's receipt, in pieces: each digest once.

    :raises OciError: the registry is away; the text is cut then, and so no JSON.
    """
    head = {"project": project.name, "created_at": timezone.now().isoformat().replace("+00:00", "Z")}
    yield (json.dumps(head)[:-1] + ', "digests": [').encode("ascii")
    seen: set[str] = set()
    for digest in held_digests(project):
        if digest not in seen:
            yield ((", " if seen else "") + f'"{digest}"').encode("ascii")
            seen.add(digest)
    yield b"]}\n"


def held_digests(project: Project) -> Iterator[str]:
    """The digests of all manifests and blobs that the project's tags lead to; some come more than once.

    :raises OciError: the registry is away.
    """
    rows = Image.objects.filter(project=project).order_by("repository", "digest")
    before: tuple[str, str] | None = None
    for repository, digest in rows.values_list("repository", "digest").iterator():
        if (repository, digest) != before:
            before = (repository, digest)
            yield from _of_image(f"{project.name}/{repository}", digest)


def _of_image(repository: str, digest: str) -> Iterator[str]:
    with opened_repository(repository, PULL) as there, closing(WorkerPool(_THREADS)) as workers:
        try:
            root = there.find_manifest(digest)
            if root is None:
                return
            tree = read_tree(root, fetch=there.get_manifest, workers=workers)
        except OciError as error:
            if error.retryable:
                raise
            return  # What can't be read whole is not held whole.
    yield from _of_tree(tree)


def _of_tree(tree: Tree) -> Iterator[str]:
    for manifest in tree.manifests.values():
        yield manifest.digest
        for blob in manifest.blobs:
            yield blob.digest
