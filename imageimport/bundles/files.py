"""The bytes of a bundle's files: made of the registry's content while they are read, any part of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import structlog
from django.contrib.auth.models import User
from django.utils.translation import gettext_noop

from imageimport.bundles.composing import Composition, Piece
from imageimport.models import Bundle, BundleEntry
from oci.errors import OciError
from oci.layout.blob_bytes import BlobBytes, ManifestBytes
from oci.layout.index_writer import front
from oci.layout.tar_writer import END, Content, Member, blob_member, from_memory
from oci.layout.volumes import Place, front_size
from oci.registry.options import for_cleanup
from oci.registry.repository import Repository
from projects import places
from projects.registry.client import PULL, opened_repository, target_client

log = structlog.get_logger(__name__)

GONE: Final = gettext_noop("%(host)s no longer has %(digest)s, which the bundle lists.")
#: Changes when the bytes of files that were made before would be others.
_FORMAT: Final = 1
#: Entries that are read from the database at a time.
_ENTRIES: Final = 200


def etag(bundle: Bundle, number: int) -> str:
    """Names exactly the bytes of one volume: a bundle never changes."""
    return f'"{bundle.pk.hex}-{number}-{_FORMAT}"'


def volume_bytes(bundle: Bundle, number: int, start: int, end: int) -> Generator[bytes, None, None]:
    """Bytes ``start`` to ``end`` (which is not one of them) of one volume.

    :raises OciError: the registry is away, or no longer has what the bundle lists.
    """
    pieces = _pieces_from(bundle, number, start - _first_blob(bundle, number))
    return part(bundle.document, (number, len(bundle.volumes)), pieces, start, end)


def composed_bytes(found: Composition, start: int = 0) -> Generator[bytes, None, None]:
    """The only file of a bundle that has no row, from ``start`` on. Errors as of :func:`volume_bytes`."""
    listed = (piece for piece in found.pieces if piece.place is not None)
    return part(found.document, (1, 1), listed, start, found.size)


def part(
    document: str, volume: tuple[int, int], pieces: Iterable[Piece], start: int, end: int
) -> Generator[bytes, None, None]:
    """A part of one file.

    :param volume: its number, and how many there are.
    :param pieces: in order; those before ``start`` may be missing.
    """
    at = 0
    for member, content in front(document, *volume):
        yield from _within(member, content, at, start, end)
        at += member.room
    first = at
    with _Registry() as registry:
        for piece in pieces:
            assert piece.place is not None
            at = first + piece.place.offset
            if at >= end:
                break
            member = blob_member(piece.digest, piece.size)
            yield from _within(member, registry.content_of(piece), at, start, end)
            at += member.room
    if at < end:
        yield END[max(0, start - at) : end - at]


def _within(member: Member, content: Content, at: int, start: int, end: int) -> Iterator[bytes]:
    """What of a member that begins at ``at`` is in the part."""
    first, last = max(0, start - at), min(member.room, end - at)
    if first < last:
        yield from member.part(content, first, last)


class _Registry:
    """The private registry, by one client, which may read the repositories that were come to."""

    def __init__(self) -> None:
        self._access: dict[str, str] = {}
        self._client = target_client(access=self._access)

    def __enter__(self) -> _Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def content_of(self, piece: Piece) -> Content:
        if piece.content is not None:
            return from_memory(piece.content)
        self._access[piece.repository] = PULL
        kind = ManifestBytes if piece.is_manifest else BlobBytes
        return kind(Repository(self._client, piece.repository), piece.digest, piece.size)


def _first_blob(bundle: Bundle, number: int) -> int:
    """Where the blobs of a volume begin."""
    return front_size(bundle.document, number, len(bundle.volumes))


def _pieces_from(bundle: Bundle, number: int, offset: int) -> Iterator[Piece]:
    """What stands in a volume from the piece on in which ``offset`` is, read a part at a time."""
    rows = BundleEntry.objects.filter(bundle=bundle, volume=number)
    before = rows.filter(offset__lte=max(0, offset)).order_by("-offset").values_list("offset", flat=True)
    at = before.first()
    while at is not None:
        found = list(rows.filter(offset__gte=at).order_by("offset")[:_ENTRIES])
        for row in found:
            yield _piece(bundle, row)
        at = found[-1].offset + 1 if len(found) == _ENTRIES else None


def _piece(bundle: Bundle, row: BundleEntry) -> Piece:
    return Piece(
        digest=row.digest,
        size=row.size,
        repository=f"{bundle.project.name}/{row.repository}",
        is_manifest=row.is_manifest,
        content=bytes(row.content) if row.content is not None else None,
        place=Place(row.volume, row.offset),
    )


@dataclass(slots=True)
class Download:
    """Something long for one person, with the place that it holds. Close it, also where nothing was read."""

    _pieces: Iterator[bytes]
    _held: ExitStack
    _renew: Callable[[], None]
    _what: str

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next bytes of the file.

        :raises OciError: the registry failed; the connection ends short of the length that was announced.
        """
        try:
            piece = next(self._pieces)
        except OciError as error:
            log.warning("bundle.download_cut", what=self._what, code=error.code, error=str(error))
            raise
        self._renew()
        return piece

    def close(self) -> None:
        """Give the place back."""
        self._held.close()


def download(*, bundle: Bundle, number: int, user: User, start: int, end: int) -> Download:
    """Begin to read a part of a volume.

    :raises ApplicationError: ``downloads_busy``.
    :raises OciError: the registry is away, or lacks what comes first.
    """
    first = next(_pieces_from(bundle, number, start - _first_blob(bundle, number)), None)
    if first is not None and first.content is None:
        _see(first)
    return held_download(volume_bytes(bundle, number, start, end), user, what=str(bundle.pk))


def _see(piece: Piece) -> None:
    """Ask for one piece by one short question, while an error can still be told."""
    with opened_repository(piece.repository, PULL, options=for_cleanup()) as there:
        found = there.head_manifest(piece.digest) if piece.is_manifest else there.head_blob(piece.digest)
        if found is None:
            raise OciError("target_error", GONE, host=there.host, digest=piece.digest)


def held_download(pieces: Generator[bytes, None, None], user: User, *, what: str) -> Download:
    """Hold a place for ``user`` while ``pieces`` are read.

    :raises ApplicationError: ``downloads_busy``.
    """
    with ExitStack() as held:
        renew = held.enter_context(places.downloading(user))
        held.callback(pieces.close)
        return Download(pieces, held.pop_all(), renew, what)
