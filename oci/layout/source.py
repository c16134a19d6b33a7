"""One image name of an archive, read as a registry's repository is read."""

from __future__ import annotations

from collections.abc import Iterator

from oci.cancel import CancelToken
from oci.errors import Note, OciError
from oci.layout.archive import Archive, Place
from oci.layout.faults import changed, incomplete
from oci.layout.files import Reader
from oci.registry.blobs import BlobStream, ByteStream, MemoryStream, NoRangesError, Span
from oci.registry.faults import IMAGE_NOT_FOUND
from oci.registry.listing import TagFacts
from oci.registry.manifests import ManifestHead
from oci.registry.rate_limit import RateLimit
from oci.spec.descriptor import Descriptor
from oci.spec.digest import digest_of, is_digest, parse_digest
from oci.spec.manifest import Manifest


class ArchiveSource:
    """A :class:`oci.registry.source.Source`. Thread-safe. Closing it leaves the archive open.

    :param name: a repository's name in the archive; tags count within it.
    """

    via = last_via = ""
    rate_limit: RateLimit | None = None
    #: Referrers are listed in the archive, not under a tag.
    may_keep_referrers_by_tag = False

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive = archive
        self._name = name
        self._failed: set[str] = set()
        self.notes: list[Note] = []
        self.host = archive.name

    def note(self, note: Note) -> None:
        """Keep a sentence for the one who asked for the import."""
        self.notes.append(note)

    @property
    def unheard(self) -> OciError | None:
        """None: an archive says all that it has."""
        return None

    def behind(self) -> None:
        """No registry stands behind an archive."""

    def ping(self) -> None:
        """It is open."""

    def open_ahead(self, most: int) -> None:
        """There are no connections."""

    def close(self) -> None:
        """The archive is closed by who opened it."""

    # --- manifests ---------------------------------------------------------------------------------------

    def head_manifest(self, reference: str) -> ManifestHead | None:
        """What a tag or digest is; None where the archive doesn't have it."""
        descriptor = self._find(reference)
        if descriptor is None:
            return None
        return ManifestHead(descriptor.digest, descriptor.media_type, descriptor.size)

    def find_manifest(self, reference: str) -> Manifest | None:
        """The manifest of a tag or a digest; None: the archive doesn't have it.

        :raises OciError: ``bundle_invalid``: it was changed.
        """
        descriptor = self._find(reference)
        if descriptor is None:
            return None
        return self._archive.manifest(descriptor.digest, descriptor.media_type)

    def get_manifest(self, reference: str) -> Manifest:
        """The manifest of a tag or a digest.

        :raises OciError: ``not_found`` for a tag, ``bundle_incomplete`` for a digest; as :meth:`find_manifest`.
        """
        found = self.find_manifest(reference)
        if found is not None:
            return found
        if is_digest(reference):
            raise incomplete(self.host, [reference])
        what = f"{self._name}:{reference}"
        raise OciError("not_found", IMAGE_NOT_FOUND, host=self.host, what=what)

    def list_tags(self, _facts: dict[str, TagFacts] | None = None) -> Iterator[str]:
        """Those of its name."""
        for image in self._archive.images:
            name, _, tag = image.rpartition(":")
            if name == self._name:
                yield tag

    def _find(self, reference: str) -> Descriptor | None:
        if not is_digest(reference):
            return self._archive.images.get(f"{self._name}:{reference}")
        if (made := self._archive.made.get(reference)) is not None:
            return Descriptor("", reference, len(made))
        place = self._archive.places.get(reference)
        return Descriptor("", reference, place.size) if place is not None else None

    # --- referrers ---------------------------------------------------------------------------------------

    def referrers_by_api(self, digest: str) -> tuple[Descriptor, ...]:
        """What the archive has that refers to a manifest."""
        return self._archive.referrers.get(digest, ())

    def referrers_by_tag(self, digest: str) -> tuple[Descriptor, ...]:
        """See :attr:`may_keep_referrers_by_tag`."""
        return ()

    # --- blobs -------------------------------------------------------------------------------------------

    def head_blob(self, digest: str) -> int | None:
        """Size of content, None where the archive doesn't have it."""
        place = self._archive.places.get(digest)
        return place.size if place is not None else None

    def read_blob(self, digest: str, size: int) -> bytes:
        """A small blob, its digest checked.

        :raises OciError: ``bundle_invalid``, ``bundle_incomplete``.
        """
        place = self._place(digest)
        content = self._archive.content(digest, place, size)
        if digest_of(content, algorithm=parse_digest(digest)[0]) != digest:
            raise changed(self.host, digest)
        return content

    def open_blob(self, digest: str, offset: int = 0) -> ByteStream:
        """The bytes of a blob from ``offset`` on.

        :raises OciError: ``bundle_invalid``: it was read before, and was not what its digest says.
        """
        place = self._place(digest)
        if digest in self._failed:
            raise changed(place.file.name, digest)
        kept = place.file.kept.get(place.offset)
        if kept is not None and len(kept) == place.size:
            return MemoryStream(kept, offset, place.file.name)
        return _PlaceStream(place, offset)

    def open_range(self, digest: str, span: Span, cancel: CancelToken) -> BlobStream:
        """A disk is read in order.

        :raises NoRangesError: always.
        """
        raise NoRangesError("an archive is read in order")

    def blob_failed(self, digest: str, *, lied: bool = False) -> None:
        """A file brings the same bytes each time: there is no second try."""
        self._failed.add(digest)

    def _place(self, digest: str) -> Place:
        place = self._archive.places.get(digest)
        if place is None:
            raise incomplete(self.host, [digest])
        return place


class _PlaceStream:
    """A :class:`oci.registry.blobs.ByteStream` over one place."""

    def __init__(self, place: Place, offset: int) -> None:
        self.host = place.file.name
        self.offset = offset
        self.length: int | None = place.size - offset
        self._left = max(0, place.size - offset)
        self._reader: Reader = place.file.open(place.offset + offset)

    def readinto(self, view: memoryview) -> int:
        count = self._reader.readinto(view[: min(view.nbytes, self._left)]) if self._left else 0
        self._left -= count
        if not self._left:
            self.close()  # At once: who reads on from here goes on with the same decoder.
        return count

    def close(self) -> None:
        self._reader.close()
