"""Archives of ``docker save`` without an OCI layout (Docker before 25, Podman, Bazel, Nix): ``manifest.json`` names a
configuration and layers, and no manifest.

One is made here. Layers keep their bytes: an uncompressed one is named by its ``diff_id`` of the configuration, and
what is read of it is checked against that as any other digest.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass, field
from typing import Final

from oci.errors import gettext_noop
from oci.layout import names
from oci.layout.archive import Archive, Contents, Place, read_small
from oci.layout.faults import changed, invalid
from oci.layout.tar_index import Member
from oci.limits import LAYERS, MANIFEST_BYTES, MIB
from oci.spec.descriptor import Descriptor
from oci.spec.digest import digest_of, is_digest
from oci.spec.media_types import OCI_CONFIG, OCI_MANIFEST
from oci.spec.strict_json import BadJsonError, Json, dump, load

_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
#: How compressed layers begin, and how their types end; others than these are no layers that engines read.
_MAGIC: Final = ((b"\x1f\x8b", "+gzip"), (b"\x28\xb5\x2f\xfd", "+zstd"))
_LINKS_FOLLOWED: Final = 8
_NAMED_BY_DIGEST: Final = re.compile(r"(?:.*/)?([0-9a-f]{64})(?:\.json)?", re.ASCII)

_BAD_LINK: Final = gettext_noop(
    "%(file)s was refused: the link %(member)s doesn't lead to a file of the archive."
)
_NO_MEMBER: Final = gettext_noop("%(file)s is not complete: it doesn't have %(member)s, which it lists.")
_LAYERS: Final = gettext_noop(
    "%(file)s was refused: the layers of an image don't match its configuration %(member)s."
)


def read_docker_save(contents: Contents, archive: Archive) -> None:
    """Put the images of the archive's one file into ``archive``.

    :raises OciError: ``bundle_invalid``.
    """
    entries = contents.json("manifest.json")
    if not isinstance(entries, list) or not entries:
        raise contents.unreadable("manifest.json")
    images = _Image(contents, archive)
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise contents.unreadable("manifest.json")
        images.read(entry, position)


@dataclass(frozen=True, slots=True)
class _Config:
    """What a configuration says: its digest, its size in bytes, and the uncompressed layers."""

    digest: str
    size: int
    diff_ids: list[str]


@dataclass(frozen=True, slots=True)
class _Image:
    """Reads one image after the other. What many of them share is read once."""

    contents: Contents
    archive: Archive
    #: By the offset of their members.
    configs: dict[int, _Config] = field(default_factory=dict)
    layers: dict[int, str] = field(default_factory=dict)

    def read(self, entry: dict[str, Json], position: int) -> None:
        config_name, layer_names = entry.get("Config"), entry.get("Layers")
        if not isinstance(config_name, str) or not isinstance(layer_names, list) or len(layer_names) > LAYERS:
            raise self.contents.unreadable("manifest.json")
        member = self._resolve(config_name)
        config = self.configs.get(member.offset) or self._config(member, config_name)
        digest_in_name = _NAMED_BY_DIGEST.fullmatch(config_name)
        if digest_in_name is not None and config.digest != f"sha256:{digest_in_name[1]}":
            raise changed(self.contents.file.name, f"sha256:{digest_in_name[1]}")
        if len(config.diff_ids) != len(layer_names):
            raise invalid(self.contents.file.name, _LAYERS, member=config_name[:200])
        self.configs[member.offset] = config
        self.archive.places[config.digest] = Place(self.contents.file, member.offset, member.size)
        layers: list[Json] = [
            self._layer(str(name), diff_id)
            for name, diff_id in zip(layer_names, config.diff_ids, strict=True)
        ]
        self._put(entry, position, config.digest, config.size, layers)

    def _config(self, member: Member, name: str) -> _Config:
        body = read_small(self.contents.file, name, member.offset, member.size, MANIFEST_BYTES)
        return _Config(digest_of(body), len(body), self._diff_ids(body, name))

    def _put(
        self, entry: dict[str, Json], position: int, config: str, config_size: int, layers: list[Json]
    ) -> None:
        document: dict[str, Json] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": config, "size": config_size},
            "layers": layers,
        }
        manifest = dump(document)
        digest = digest_of(manifest)
        self.archive.made[digest] = manifest
        tags = entry.get("RepoTags") or []
        if not isinstance(tags, list):
            raise self.contents.unreadable("manifest.json")
        found = [name for name in (names.normalised(str(tag)) for tag in tags) if name]
        tag = names.DEFAULT_TAG if position == 0 else str(position + 1)
        for name in found or [f"{names.of_file(self.contents.file.name)}:{tag}"]:
            self.archive.put_image(name, Descriptor(OCI_MANIFEST, digest, len(manifest)))

    def _diff_ids(self, body: bytes, name: str) -> list[str]:
        try:
            config = load(body)
        except BadJsonError:
            raise self.contents.unreadable(name[:200]) from None
        rootfs = config.get("rootfs") if isinstance(config, dict) else None
        diff_ids = (rootfs.get("diff_ids") if isinstance(rootfs, dict) else None) or []
        if not isinstance(diff_ids, list) or not all(is_digest(each) for each in diff_ids):
            raise self.contents.unreadable(name[:200])
        return [str(each) for each in diff_ids]

    def _layer(self, name: str, diff_id: str) -> dict[str, Json]:
        member = self._resolve(name)
        place = Place(self.contents.file, member.offset, member.size)
        head = read_small(place.file, name, place.offset, min(place.size, 4), 4)
        ending = next((ending for magic, ending in _MAGIC if head.startswith(magic)), "")
        digest = diff_id
        if ending:
            digest = self.layers[place.offset] = self.layers.get(place.offset) or self._hashed(place)
        self.archive.places[digest] = place
        return {"mediaType": _LAYER + ending, "digest": digest, "size": place.size}

    def _hashed(self, place: Place) -> str:
        """The digest of a compressed layer, which stands nowhere."""
        found, left, reader = hashlib.sha256(), place.size, place.file.open(place.offset)
        view = memoryview(bytearray(MIB))
        try:
            while left and (count := reader.readinto(view[: min(left, MIB)])):
                place.file.tick()
                found.update(view[:count])
                left -= count
        finally:
            reader.close()
        return f"sha256:{found.hexdigest()}"

    def _resolve(self, name: str) -> Member:
        """A file by its name, over links to other members of the same file.

        :raises OciError: it is not there, or a link leads elsewhere.
        """
        file, at = self.contents.file, posixpath.normpath(name)
        for _ in range(_LINKS_FOLLOWED):
            member = self.contents.members.get(at)
            if member is None:
                raise invalid(file.name, _NO_MEMBER, member=at[:200])
            if not member.link:
                return member
            start = "" if member.is_hard else posixpath.dirname(at)
            following = posixpath.normpath(posixpath.join(start, member.link))
            if following.startswith(("/", "..")) or following not in self.contents.members:
                break
            at = following
        raise invalid(file.name, _BAD_LINK, member=at[:200])
