"""What is attached to an image, SBOMs above all: by BuildKit in its index, by cosign under its tags, by what refers to
it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

from django.core.cache import cache
from django.http import Http404
from django.utils.translation import gettext_noop

from oci.contents.packages import Package
from oci.contents.sbom import Format, format_of, predicate_of, read_packages
from oci.errors import OciError
from oci.limits import SBOM_BYTES, SBOM_PACKAGES
from oci.registry.repository import referrers_tag
from oci.spec.manifest import Descriptor, Manifest
from oci.spec.media_types import OCI_EMPTY
from projects.contents.reading import Place

#: Of one image: manifests that are looked into for SBOMs and images that are asked for what is attached, together.
_MAX_DOCUMENTS: Final = 200
#: SBOMs of one platform whose packages are put together.
_MERGED: Final = 16
_SUFFIXES: Final = (".att", ".sbom")
_SIGNATURE_SUFFIX: Final = ".sig"
#: What a document is that is no SBOM, by a word in its type; the more telling word first.
_KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("vex", "vex"),
    ("provenance", "provenance"),
    ("slsa", "provenance"),
    ("cosign/sign", "signature"),
    ("simplesigning", "signature"),
    ("notary", "signature"),
    ("in-toto", "attestation"),
    ("dsse", "attestation"),
    ("sigstore.bundle", "signature"),
)
_KEPT_SECONDS: Final = 86_400
_KEPT_BYTES: Final = 2 * 1024 * 1024

_TOO_LARGE: Final = gettext_noop("The SBOM is too large.")


@dataclass(frozen=True, slots=True)
class Attached:
    """One document that is attached. ``platform`` is empty where it is to the whole image.

    :param type: of its content: what a statement says, else the artifact's type or the media type.
    :param sbom: None where it is another thing.
    """

    layer: Descriptor
    type: str
    platform: str
    sbom: Sbom | None

    @property
    def kind(self) -> str:
        """``signature``, ``vex``, ``provenance``, ``attestation``, or ``other``."""
        folded = self.type.lower()
        return next((kind for word, kind in _KINDS if word in folded), "other")

    @property
    def name(self) -> str:
        """What a file of it is called after: the format of an SBOM, or the kind."""
        return self.sbom.format if self.sbom else self.kind


@dataclass(frozen=True, slots=True)
class Sbom:
    """One SBOM. ``platform`` is empty where it is of the whole image.

    :param way: how it is attached: ``attestation`` (BuildKit), ``tag`` (cosign) or ``referrer``.
    """

    layer: Descriptor
    format: Format
    platform: str
    way: str


def find_sboms(place: Place, digest: str) -> list[Sbom]:
    """All SBOMs of an image, each once; the image's own before those of its platforms.

    :raises OciError: the registry is away.
    """
    found: dict[str, Sbom] = {}
    for each in _Search(place).run(place.manifest(digest)):
        if (sbom := each.sbom) is not None:
            found.setdefault(each.layer.digest, sbom)
    return list(found.values())


def find_attached(place: Place, digest: str) -> list[Attached]:
    """As :func:`find_sboms`, with all other documents as well.

    :raises OciError: the registry is away.
    """
    found: dict[str, Attached] = {}
    for each in _Search(place, (*_SUFFIXES, _SIGNATURE_SUFFIX)).run(place.manifest(digest)):
        found.setdefault(each.layer.digest, Attached(each.layer, each.type, each.platform, each.sbom))
    return list(found.values())


class _Found(NamedTuple):
    manifest: Manifest
    layer: Descriptor
    platform: str
    way: str

    @property
    def sbom(self) -> Sbom | None:
        kind = format_of(self.layer, self.manifest.artifact)
        return Sbom(self.layer, kind, self.platform, self.way) if kind is not None else None

    @property
    def type(self) -> str:
        artifact = self.manifest.artifact if self.manifest.artifact != OCI_EMPTY else ""
        return predicate_of(self.layer) or artifact or self.layer.media_type


class _Search:
    def __init__(self, place: Place, suffixes: Sequence[str] = _SUFFIXES) -> None:
        self._place = place
        self._suffixes = suffixes
        self._left = _MAX_DOCUMENTS

    def run(self, root: Manifest) -> Iterator[_Found]:
        yield from self._attached(root.digest, "")
        images = {
            child.digest: str(child.platform or "") for child in root.manifests if not child.is_attestation
        }
        for child in root.manifests:
            if child.is_attestation:
                yield from self._in(child.digest, images.get(child.attests or "", ""), "attestation")
        for image, platform in images.items():
            yield from self._attached(image, platform)

    def _attached(self, subject: str, platform: str) -> Iterator[_Found]:
        self._left -= 1
        if self._left < 0:
            return
        there = self._place.there
        for suffix in self._suffixes:
            head = there.head_manifest(referrers_tag(subject) + suffix)
            if head is not None and head.digest is not None:
                yield from self._in(head.digest, platform, "tag")
        for each in there.referrers(subject):
            yield from self._in(each.digest, platform, "referrer")

    def _in(self, digest: str, platform: str, way: str) -> Iterator[_Found]:
        """The layers of one manifest that are here; none where it can't be read."""
        self._left -= 1
        if self._left < 0:
            return
        try:
            manifest = self._place.manifest(digest)
        except OciError as error:
            if error.retryable:
                raise
            return
        for layer in manifest.layers:
            if not layer.is_foreign:
                yield _Found(manifest, layer, platform, way)


def get_sbom(place: Place, digest: str, wanted: str) -> Sbom:
    """One SBOM of the image by its own digest.

    :raises Http404: the image has no such SBOM.
    """
    for sbom in find_sboms(place, digest):
        if sbom.layer.digest == wanted:
            return sbom
    raise Http404


def get_attached(place: Place, digest: str, wanted: str) -> Attached:
    """One document that is attached to the image, by its own digest.

    :raises Http404: the image has no such document.
    """
    for attached in find_attached(place, digest):
        if attached.layer.digest == wanted:
            return attached
    raise Http404


def packages_of(place: Place, sbom: Sbom) -> list[Package]:
    """What an SBOM lists, each package once, by name.

    :raises OciError: it can't be read.
    """
    layer = sbom.layer
    if layer.size > SBOM_BYTES:
        raise OciError("limit_exceeded", _TOO_LARGE)
    # Of this repository, as all that is kept of it.
    key = f"{place.key(layer.digest)}:packages:{layer.media_type}"
    kept = cache.get(key)
    if kept is not None:
        rows = json.loads(zlib.decompress(kept))
        return [Package(**{**row, "licences": tuple(row["licences"])}) for row in rows]
    found = place.stream(layer, lambda chunks: read_packages(chunks, layer.media_type))
    packed = zlib.compress(json.dumps([asdict(package) for package in found]).encode(), 1)
    if len(packed) <= _KEPT_BYTES:
        cache.set(key, packed, _KEPT_SECONDS)
    return found


def search_packages(packages: list[Package], text: str) -> list[Package]:
    """Those with ``text`` in name, purl or a licence."""
    wanted = text.strip().casefold()
    if not wanted:
        return packages
    return [
        package
        for package in packages
        if wanted in package.name.casefold()
        or wanted in package.purl.casefold()
        or any(wanted in licence.casefold() for licence in package.licences)
    ]


def packages_for(place: Place, root: Manifest, manifest: Manifest) -> list[Package] | None:
    """What the SBOMs of one platform list together; None where it has none that can be read, or more than are put
    together: a part of the packages would be taken for all of them.
    """
    all_of_it = {child.digest: str(child.platform or "") for child in root.manifests}
    platform = all_of_it.get(manifest.digest, "")
    ours = [sbom for sbom in find_sboms(place, root.digest) if sbom.platform in ("", platform)]
    if len(ours) > _MERGED or sum(sbom.layer.size for sbom in ours) > SBOM_BYTES:
        return None
    found: dict[Package, None] = {}
    known = False
    for sbom in ours:
        try:
            found.update(dict.fromkeys(packages_of(place, sbom)))
            known = True
        except OciError as error:
            if error.retryable:
                raise
        if len(found) > SBOM_PACKAGES:
            return None
    return list(found) if known else None
