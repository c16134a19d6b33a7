"""What an archive holds once it is read: images by name, and where the bytes of each digest are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.layout.faults import changed, incomplete, invalid
from oci.layout.files import ArchiveFile
from oci.layout.tar_index import Member
from oci.limits import MANIFEST_BYTES
from oci.spec.descriptor import Descriptor
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.strict_json import BadJsonError, Json, load

_UNREADABLE: Final = gettext_noop("%(file)s is damaged or was changed: can't read its %(member)s.")
_TWO_IMAGES: Final = gettext_noop("%(file)s has two different images with the name %(name)s.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where content is: ``size`` bytes from ``offset`` on."""

    file: ArchiveFile
    offset: int
    size: int


@dataclass(slots=True)
class Archive:
    """An open archive. Thread-safe once it is read; close it.

    :ivar name: of its first file, for messages.
    :ivar places: content by its digest.
    :ivar made: manifests that were made here, since the archive has none.
    :ivar images: what has a name, by ``name:tag``.
    :ivar referrers: by the digest that they refer to.
    :ivar base: digests that were left out, since the receiver is said to have them.
    """

    files: tuple[ArchiveFile, ...]
    places: dict[str, Place] = field(default_factory=dict)
    made: dict[str, bytes] = field(default_factory=dict)
    images: dict[str, Descriptor] = field(default_factory=dict)
    referrers: dict[str, tuple[Descriptor, ...]] = field(default_factory=dict)
    base: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The name of its first file, for messages."""
        return self.files[0].name

    def has(self, digest: str) -> bool:
        """Whether it has the content, or a manifest that was made for it."""
        return digest in self.places or digest in self.made

    @property
    def seeks(self) -> bool:
        """Whether any part can be read without decompressing what is before it; else it is best read in the order of
        its files.
        """
        return all(file.seeks for file in self.files)

    def order(self, digest: str) -> tuple[int, int]:
        """A key that puts content in the order of the files; what is nowhere comes first."""
        place = self.places.get(digest)
        return (self.files.index(place.file), place.offset) if place is not None else (-1, 0)

    def manifest(self, digest: str, media_type: str = "") -> Manifest:
        """A manifest that the archive has, its digest checked.

        :raises OciError: ``bundle_invalid``, ``bundle_incomplete``; as :func:`oci.spec.manifest.parse_manifest`.
        """
        body = self.made.get(digest)
        if body is None:
            place = self.places.get(digest)
            if place is None:
                raise incomplete(self.name, [digest])
            body = self.content(digest, place, MANIFEST_BYTES)
        try:
            return parse_manifest(body, media_type, expected_digest=digest)
        except OciError as error:
            if error.code == "digest_mismatch":
                raise changed(self.name, digest) from None
            raise

    def content(self, digest: str, place: Place, most: int) -> bytes:
        """A small piece of content, whole.

        :raises OciError: ``bundle_invalid``: it is larger than ``most``, or ends too early.
        """
        return read_small(place.file, digest, place.offset, place.size, most)

    def put_image(self, name: str, descriptor: Descriptor) -> None:
        """Give an image its name in the archive.

        :raises OciError: ``bundle_invalid``: the name is another image's.
        """
        known = self.images.setdefault(name, descriptor)
        if known.digest != descriptor.digest:
            raise invalid(self.name, _TWO_IMAGES, name=name)

    def close(self) -> None:
        """All its files."""
        for file in self.files:
            file.close()


def read_small(file: ArchiveFile, member: str, offset: int, size: int, most: int) -> bytes:
    """``size`` bytes, at most ``most``.

    :raises OciError: ``bundle_invalid``.
    """
    if size > most:
        raise unreadable(file, member)
    if (kept := file.kept.get(offset)) is not None and len(kept) == size:
        return kept
    reader, buffer, done = file.open(offset), bytearray(size), 0
    try:
        view = memoryview(buffer)
        while done < size:
            file.tick()
            came = reader.readinto(view[done:])
            if not came:
                raise unreadable(file, member)
            done += came
    finally:
        reader.close()
    return bytes(buffer)


@dataclass(frozen=True, slots=True)
class Contents:
    """The members of one file of an archive."""

    file: ArchiveFile
    members: Mapping[str, Member]

    def json(self, name: str) -> Json:
        """A member as JSON.

        :raises OciError: ``bundle_invalid``.
        """
        member = self.members[name]
        body = read_small(self.file, name, member.offset, member.size, MANIFEST_BYTES)
        try:
            return load(body)
        except BadJsonError:
            raise self.unreadable(name) from None

    def unreadable(self, name: str) -> OciError:
        """``bundle_invalid``: the member is not what it should be."""
        return unreadable(self.file, name)


def unreadable(file: ArchiveFile, member: str) -> OciError:
    """``bundle_invalid``: a member is not what it should be."""
    return invalid(file.name, _UNREADABLE, member=member)
