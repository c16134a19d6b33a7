"""What a bundle consists of: reads the manifests of the wanted images, and moves no blob."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext_noop

from oci.cancel import CancelToken
from oci.copy.context import CopyOptions, ReadContext
from oci.copy.export import ExportedImage, read_for_export
from oci.copy.worker_pool import WorkerPool
from oci.errors import Note, OciError
from oci.layout import volumes
from oci.layout.annotations import IMAGE_NAME, REF_NAME, SOURCE
from oci.layout.index_writer import Entry, entry, index_document, volume_index
from oci.layout.volumes import Place
from oci.limits import ARCHIVE_MEMBERS, ARCHIVE_VOLUMES, MANIFEST_BYTES
from oci.memory import MemoryBudget
from oci.registry.options import ClientOptions
from oci.registry.repository import Repository
from oci.spec.strict_json import BadJsonError, load
from projects.registry.client import PULL, target_client

#: Questions that are asked at the registry at once.
_THREADS: Final = 8
#: Blobs and manifests of one bundle: as an archive it has ``oci-layout`` and ``index.json`` besides, and may not have
#: more members than are read where it is imported.
MAX_ENTRIES: Final = ARCHIVE_MEMBERS - 2
#: A bundle is the same for the same content: its id is made of that where it has no row.
_NAMESPACE: Final = uuid.UUID("6d0a6a5e-6f0c-5b1e-9d0e-2f4b7a1c9e53")


class NotReadable(Exception):
    """One of the images can't be read; ``image`` is its name, ``error`` says why."""

    def __init__(self, image: str, error: OciError) -> None:
        super().__init__(image, error)
        self.image = image
        self.error = error


@dataclass(frozen=True, slots=True)
class WantedImage:
    """One tag of a project's repository.

    :param source: which image of which registry ``digest`` came from; empty where that is unknown.
    """

    project: str
    repository: str
    tag: str
    source: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """As ``name:tag``."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOptions:
    """What a bundle takes of its images, and how its files are cut.

    :param known: digests that the other side has.
    :param volume_bytes: of a file; None: one file for all.
    """

    platforms: tuple[str, ...] = ()
    include_referrers: bool = True
    known: Collection[str] = frozenset()
    volume_bytes: int | None = None


@dataclass(slots=True)
class Piece:
    """One digest. ``repository``: ``<project>/<name>``. ``content``: of what the registry does not have."""

    digest: str
    size: int
    repository: str
    is_manifest: bool
    content: bytes | None = None
    place: Place | None = None


@dataclass(slots=True)
class Composition:
    """A bundle before it has a row: ``pieces`` in the order of the files, then those that are left out."""

    document: str
    pieces: list[Piece]
    volumes: list[int]
    images: list[dict[str, Any]]
    notes: list[Note]

    @property
    def size(self) -> int:
        """Bytes of all volumes together."""
        return sum(self.volumes)

    @property
    def omitted_bytes(self) -> int:
        """Bytes of what is left out."""
        return sum(piece.size for piece in self.pieces if piece.place is None)


def compose(
    wanted: Sequence[WantedImage],
    options: BundleOptions,
    *,
    bundle_id: str = "",
    cancel: CancelToken | None = None,
) -> Composition:
    """Read the images and place their content.

    :param bundle_id: written into the files; without it one that the content decides.
    :raises NotReadable: an image is not there, lacks a platform, or can't be understood.
    :raises OciError: the registry is away; ``limit_exceeded``: too much for one bundle.
    :raises VolumeTooSmallError: a volume holds nothing but its index.
    """
    collected = _Collected()
    with closing(WorkerPool(_THREADS)) as workers:
        for each in wanted:
            collected.add(each, _read(each, options, workers, cancel or CancelToken()))
    return _placed(collected, options, bundle_id)


def _read(
    wanted: WantedImage, options: BundleOptions, workers: WorkerPool, cancel: CancelToken
) -> ExportedImage:
    name, documents = f"{wanted.project}/{wanted.repository}", MemoryBudget()
    chosen = CopyOptions(platforms=tuple(options.platforms), include_referrers=options.include_referrers)
    client = target_client(
        access={name: PULL}, role="source", options=ClientOptions(cancel=cancel, documents=documents)
    )
    context = ReadContext(cancel=cancel, workers=workers, documents=documents)
    with closing(client):
        try:
            return read_for_export(Repository(client, name), wanted.tag, chosen, context)
        except OciError as error:
            if error.retryable:
                raise
            raise NotReadable(wanted.name, error) from error


@dataclass(slots=True)
class _Collected:
    """What the images have together."""

    pieces: dict[str, Piece] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    referrers: dict[str, Entry] = field(default_factory=dict)
    images: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Note] = field(default_factory=dict)

    def add(self, wanted: WantedImage, image: ExportedImage) -> None:
        repository = f"{wanted.project}/{wanted.repository}"
        for manifest in image.content.manifests.values():
            content = manifest.body if manifest.digest in image.content.made else None
            piece = Piece(manifest.digest, manifest.size, repository, is_manifest=True, content=content)
            self.pieces.setdefault(manifest.digest, piece)
        for blob in image.content.blobs.values():
            self.pieces.setdefault(blob.digest, Piece(blob.digest, blob.size, repository, is_manifest=False))
        if len(self.pieces) > MAX_ENTRIES:
            template = gettext_noop(
                "The bundle would have more than %(limit)d blobs. Divide the images among several bundles."
            )
            raise OciError("limit_exceeded", template, limit=MAX_ENTRIES)
        self.entries[wanted.name] = _named(wanted, image)
        for tag, manifest in image.attached.tags.items():
            name = f"{wanted.repository}:{tag}"
            self.entries.setdefault(name, entry(manifest, {REF_NAME: name}))
        for digest in image.attached.referrers:
            self.referrers.setdefault(digest, entry(image.content.manifests[digest], {}))
        self.images.append(
            {
                "image": wanted.name,
                "digest": image.root.digest,
                "size": sum(blob.size for blob in image.content.blobs.values()),
                "platforms": list(image.info.platforms),
            }
        )
        self.notes.update((str(note), note) for note in image.notes)


def _named(wanted: WantedImage, image: ExportedImage) -> dict[str, Any]:
    annotations = {
        REF_NAME: wanted.name,
        IMAGE_NAME: f"{settings.REGISTRY_PUBLIC_HOST}/{wanted.project}/{wanted.name}",
    }
    if wanted.source and wanted.digest == image.source_digest:
        annotations[SOURCE] = wanted.source
    return entry(image.root, annotations)


def _placed(collected: _Collected, options: BundleOptions, bundle_id: str) -> Composition:
    """Manifests first, then blobs, each in the order of their digests. Manifests always come along: they say what the
    other side has to have."""
    ordered = sorted(collected.pieces.values(), key=lambda piece: (not piece.is_manifest, piece.digest))
    listed = [each for each in ordered if each.is_manifest or each.digest not in options.known]
    listed_digests = {each.digest for each in listed}
    omitted = [each for each in ordered if each.digest not in listed_digests]
    entries = [*collected.entries.values(), *collected.referrers.values()]
    base = [each.digest for each in omitted]
    if not bundle_id:
        bundle_id = str(uuid.uuid5(_NAMESPACE, json.dumps([entries, sorted(listed_digests), base])))
    document = index_document(entries=entries, bundle_id=bundle_id, digests=listed_digests, base=base)
    _check_index(document)
    sizes = _place(document, listed, options.volume_bytes)
    return Composition(document, listed + omitted, sizes, collected.images, list(collected.notes.values()))


def _check_index(document: str) -> None:
    """Refuse an index that no portal would read.

    :raises OciError: ``limit_exceeded``: the index would be refused where the bundle is imported.
    """
    index = volume_index(document, ARCHIVE_VOLUMES, ARCHIVE_VOLUMES)
    if len(index) > MANIFEST_BYTES:
        template = gettext_noop(
            "The index of the bundle would be larger than %(limit)d bytes. Divide the images among several bundles."
        )
        raise OciError("limit_exceeded", template, limit=MANIFEST_BYTES)
    try:
        load(index)
    except BadJsonError:
        template = gettext_noop(
            "The index of the bundle would be too long to be read. Divide the images among several bundles."
        )
        raise OciError("limit_exceeded", template) from None


def _place(document: str, listed: Sequence[Piece], volume_bytes: int | None) -> list[int]:
    blobs = [(each.digest, each.size) for each in listed]
    places = volumes.place_all(blobs, volumes.room_for_blobs(document, volume_bytes))
    if places and places[-1].volume > ARCHIVE_VOLUMES:
        template = gettext_noop(
            "The bundle would have more than %(limit)d volumes. Enter a larger size, or divide the images."
        )
        raise OciError("limit_exceeded", template, limit=ARCHIVE_VOLUMES)
    for each, place in zip(listed, places, strict=True):
        each.place = place
    return volumes.volume_sizes(document, blobs, places)
