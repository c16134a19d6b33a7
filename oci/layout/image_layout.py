"""Reads OCI image layouts (image-spec 1.1, "Image Layout") in a tar file, or in the volumes of one bundle.

Names stand in ``index.json`` and are covered by no digest; everything else is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.layout import names
from oci.layout.annotations import BUNDLE_BASE, BUNDLE_DIGESTS, BUNDLE_ID, VOLUME
from oci.layout.archive import Archive, Contents, Place, unreadable
from oci.layout.faults import Incomplete, invalid
from oci.layout.files import ArchiveFile
from oci.spec.descriptor import Descriptor, read_annotations, read_descriptor
from oci.spec.digest import is_digest, parse_digest
from oci.spec.manifest import Manifest
from oci.spec.media_types import MANIFEST_TYPES
from oci.spec.strict_json import BadJsonError, load

_VOLUME: Final = re.compile(r"([1-9][0-9]{0,4})/([1-9][0-9]{0,4})", re.ASCII)

_LINKS: Final = gettext_noop("%(file)s was refused: %(member)s is a link.")
_BLOB_NAME: Final = gettext_noop("%(file)s was refused: %(member)s is not named by a digest.")
STRANGER: Final = gettext_noop(
    "%(file)s is not a volume of the same bundle as %(other)s. Import each bundle by itself."
)
_DOUBLED: Final = gettext_noop("%(file)s and %(other)s are both volume %(volume)s of the bundle.")
_LOST: Final = gettext_noop("The bundle of %(file)s is not complete: volume %(missing)s is missing.")
_OTHER_CONTENT: Final = gettext_noop(
    "%(file)s is damaged or was changed: its content is not what its index.json lists."
)


class Layout:
    """Reads the files of one layout into ``archive``."""

    def __init__(self, archive: Archive, contents: Sequence[Contents]) -> None:
        self._archive = archive
        self._contents = contents
        self._unnamed: dict[str, Descriptor] = {}

    def read(self) -> None:
        """Read the index, and what it lists, into the archive.

        :raises OciError: ``bundle_invalid``; ``bundle_incomplete``: a volume is missing.
        """
        indexes = [(each, *self._read_index(each)) for each in self._contents]
        _check_volumes([(each.file, annotations) for each, _, annotations in indexes])
        for each in self._contents:
            self._archive.places.update(self._blobs(each))
        annotations = indexes[0][2]
        self._check_digests(annotations.get(BUNDLE_DIGESTS, ""))
        self._archive.base = _base(indexes[0][0], annotations.get(BUNDLE_BASE, ""))
        for each, descriptors, _ in indexes:
            for descriptor in descriptors:
                name = names.of_descriptor(descriptor.annotations, each.file.name)
                if name:
                    self._archive.put_image(name, descriptor)
                else:
                    self._unnamed.setdefault(descriptor.digest, descriptor)
        self._place_unnamed()

    def _read_index(self, contents: Contents) -> tuple[list[Descriptor], Mapping[str, str]]:
        layout, index = contents.json("oci-layout"), contents.json("index.json")
        version = layout.get("imageLayoutVersion") if isinstance(layout, dict) else None
        if version != "1.0.0":
            raise contents.unreadable("oci-layout")
        if not isinstance(index, dict) or index.get("schemaVersion") != 2:
            raise contents.unreadable("index.json")
        entries = index.get("manifests") or []
        if not isinstance(entries, list):
            raise contents.unreadable("index.json")
        try:
            return [read_descriptor(each) for each in entries], read_annotations(index.get("annotations"))
        except OciError:
            raise contents.unreadable("index.json") from None

    def _blobs(self, contents: Contents) -> Iterator[tuple[str, Place]]:
        for name, member in contents.members.items():
            if member.link or member.is_hard:
                raise invalid(contents.file.name, _LINKS, member=name)
            if not name.startswith("blobs/"):
                continue
            digest = ":".join(name.split("/")[1:])
            if not is_digest(digest):
                raise invalid(contents.file.name, _BLOB_NAME, member=name[:200])
            yield digest, Place(contents.file, member.offset, member.size)

    def _check_digests(self, stated_digest: str) -> None:
        if stated_digest:
            listed = hashlib.sha256("\n".join(sorted(self._archive.places)).encode()).hexdigest()
            if stated_digest.removeprefix("sha256:") != listed:
                raise invalid(self._archive.name, _OTHER_CONTENT)

    def _place_unnamed(self) -> None:
        """What has no name refers to something, or is what the file is named for."""
        images: list[Descriptor] = []
        referrers: dict[str, list[Descriptor]] = {}
        for descriptor in self._unnamed.values():
            if descriptor.media_type not in MANIFEST_TYPES or not self._archive.has(descriptor.digest):
                continue
            manifest = self._archive.manifest(descriptor.digest, descriptor.media_type)
            if manifest.subject is None:
                images.append(descriptor)
            else:
                referrers.setdefault(manifest.subject.digest, []).append(_as_referrer(manifest))
        self._archive.referrers = {subject: tuple(found) for subject, found in referrers.items()}
        for descriptor in images:
            tag = "latest" if len(images) == 1 else parse_digest(descriptor.digest)[1][:12]
            self._archive.put_image(f"{names.of_file(self._archive.name)}:{tag}", descriptor)


def _as_referrer(manifest: Manifest) -> Descriptor:
    """As the referrers API lists it (distribution-spec 1.1)."""
    return Descriptor(
        media_type=manifest.media_type,
        digest=manifest.digest,
        size=manifest.size,
        annotations=manifest.annotations,
        artifact_type=manifest.artifact,
    )


def _check_volumes(indexes: Sequence[tuple[ArchiveFile, Mapping[str, str]]]) -> None:
    """Refuse files that are not all volumes of one bundle.

    :raises OciError: a volume is missing, doubled, or another bundle's.
    """
    first, annotations = indexes[0]
    bundle = annotations.get(BUNDLE_ID, "")
    seen: dict[int, ArchiveFile] = {}
    counts = set()
    for file, other in indexes:
        if other.get(BUNDLE_ID, "") != bundle or (not bundle and len(indexes) > 1):
            raise invalid(file.name, STRANGER, other=first.name if file is not first else indexes[1][0].name)
        match = _VOLUME.fullmatch(other.get(VOLUME, "1/1"))
        if match is None:
            raise unreadable(file, "index.json")
        number, count = int(match[1]), int(match[2])
        counts.add(count)
        if number in seen:
            raise invalid(file.name, _DOUBLED, other=seen[number].name, volume=f"{number}/{count}")
        seen[number] = file
    if len(counts) > 1 or max(seen) > max(counts):
        raise unreadable(first, "index.json")
    missing = [number for number in range(1, max(counts) + 1) if number not in seen]
    if missing:
        raise Incomplete(_LOST, first.name, [f"{number}/{max(counts)}" for number in missing])


def _base(contents: Contents, text: str) -> frozenset[str]:
    if not text:
        return frozenset()
    try:
        found = load(text.encode("utf-8"))
    except BadJsonError:
        found = None
    if not isinstance(found, list) or not all(is_digest(each) for each in found):
        raise contents.unreadable("index.json")
    return frozenset(map(str, found))
