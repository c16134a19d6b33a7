"""Manifests as they came in: hashed first, parsed strictly, their bytes kept for the target.

Registries and the programs behind them read the same bytes with other parsers, so whatever could be read in
two ways is refused rather than guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from oci import limits
from oci.errors import OciError, gettext_noop
from oci.memory import cost_of
from oci.spec import media_types
from oci.spec.descriptor import Descriptor, as_object, read_annotations, read_descriptor, read_text, refuse
from oci.spec.digest import digest_of, parse_digest
from oci.spec.media_types import CONFIG_TYPES
from oci.spec.platform import Platform
from oci.spec.strict_json import BadJsonError, Json, load

__all__ = ["Descriptor", "Manifest", "Platform", "parse_manifest"]

Kind = Literal["index", "image"]

_KNOWN_KEYS: Final = frozenset(
    {
        "schemaversion",
        "mediatype",
        "manifests",
        "layers",
        "config",
        "subject",
        "artifacttype",
        "annotations",
        "fslayers",
        "blobs",
    }
)
#: Keys that belong to another kind of document.
_FOREIGN_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "index": ("layers", "config", "fsLayers", "blobs"),
    "image": ("manifests", "fsLayers", "blobs"),
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest or index. ``body`` is what was received and what is pushed, under ``media_type``."""

    body: bytes = field(repr=False)
    media_type: str
    digest: str
    size: int
    kind: Kind
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: Configuration and layers that must be at the target: each digest once, foreign layers left out.
    blobs: tuple[Descriptor, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = ((self.config,) if self.config else ()) + self.layers
        own = {blob.digest: blob for blob in named if not blob.is_foreign}
        object.__setattr__(self, "blobs", tuple(own.values()))

    @property
    def is_index(self) -> bool:
        return self.kind == "index"

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes, roughly and rather too many."""
        return cost_of(self.body)

    @property
    def artifact(self) -> str:
        """The type of an artifact: by its own word, else by its configuration; empty for a container image."""
        if self.artifact_type:
            return self.artifact_type
        config = self.config
        return config.media_type if config is not None and config.media_type not in CONFIG_TYPES else ""


def parse_manifest(body: bytes, content_type: str | None, *, expected_digest: str | None) -> Manifest:
    """Check and read a manifest.

    :param body: the bytes as received.
    :param content_type: the answer's Content-Type; parameters are ignored, generic ones leave it to the body.
    :param expected_digest: the digest that was asked for, None when it was asked for by tag.
    :raises OciError: ``limit_exceeded``, ``digest_mismatch`` or ``unsupported_manifest``.
    """
    if len(body) > limits.MANIFEST_BYTES:
        raise OciError(
            "limit_exceeded",
            gettext_noop("The manifest is larger than %(limit)d bytes."),
            limit=limits.MANIFEST_BYTES,
        )
    digest = _checked_digest(body, expected_digest)
    document = _read_document(body)
    media_type = _media_type(document, media_types.bare_type(content_type))
    kind: Kind = "index" if media_type in media_types.INDEX_TYPES else "image"
    for key in _FOREIGN_KEYS[kind]:
        if key in document:
            raise refuse(
                gettext_noop("The manifest contradicts itself: it is an %(kind)s but has %(key)s."),
                kind=kind,
                key=key,
            )
    config = document.get("config")
    if kind == "image" and config is None:
        raise refuse(gettext_noop("The manifest is malformed: it has no configuration."))
    subject = document.get("subject")
    manifest = Manifest(
        body=body,
        media_type=media_type,
        digest=digest,
        size=len(body),
        kind=kind,
        config=read_descriptor(config) if config is not None else None,
        layers=_read_list(document, "layers", limits.LAYERS),
        manifests=_read_list(document, "manifests", limits.CHILDREN),
        subject=read_descriptor(subject) if subject is not None else None,
        artifact_type=read_text(document.get("artifactType")),
        annotations=read_annotations(document.get("annotations")),
    )
    check_bytes(sum(blob.size for blob in manifest.blobs))
    return manifest


def check_bytes(claimed: int) -> None:
    """Whether blobs of so many bytes together can be: registries take what a manifest claims for what it is.

    :raises OciError: ``limit_exceeded``.
    """
    if claimed > limits.IMAGE_BYTES:
        raise OciError(
            "limit_exceeded",
            gettext_noop("The image declares a size of %(claimed)s bytes; at most %(limit)d are allowed."),
            # A text: the number may be larger than what a database's JSON holds.
            claimed=str(claimed),
            limit=limits.IMAGE_BYTES,
        )


def _checked_digest(body: bytes, expected: str | None) -> str:
    algorithm = parse_digest(expected)[0] if expected is not None else "sha256"
    digest = digest_of(body, algorithm=algorithm)
    if expected is not None and digest != expected:
        raise OciError(
            "digest_mismatch",
            gettext_noop(
                "The content received for the manifest %(expected)s is different: its digest is %(digest)s."
            ),
            expected=expected,
            digest=digest,
        )
    return digest


def _read_document(body: bytes) -> dict[str, Json]:
    try:
        return as_object(load(body), _KNOWN_KEYS)
    except BadJsonError as bad:
        raise OciError("limit_exceeded" if bad.too_large else "unsupported_manifest", bad.template) from None


def _media_type(document: dict[str, Json], content_type: str) -> str:
    """What the document is; Content-Type and body must agree."""
    version = document.get("schemaVersion")
    if content_type in media_types.SCHEMA1_TYPES or (version == 1 and not isinstance(version, bool)):
        raise refuse(
            gettext_noop(
                "The image has only a Docker schema 1 manifest, a format that was deprecated in 2017. Push the "
                "image again with a current tool."
            )
        )
    if version != 2 or not isinstance(version, int):
        raise refuse(gettext_noop("The manifest is malformed: its schemaVersion is not 2."))
    declared = document.get("mediaType")
    media_type = read_text(declared)
    generic = content_type in media_types.GENERIC_TYPES
    if declared is not None and not generic and media_type != content_type:
        raise refuse(
            gettext_noop(
                "The registry sent the manifest as %(content_type)s, but the manifest declares %(media_type)s."
            ),
            content_type=content_type[:255],
            media_type=media_type[:255],
        )
    if declared is None:
        media_type = content_type if not generic else _guess(document)
    if media_type not in media_types.MANIFEST_TYPES:
        raise refuse(
            gettext_noop("Manifests of the type %(media_type)s are not supported."),
            media_type=media_type[:255],
        )
    return media_type


def _guess(document: dict[str, Json]) -> str:
    """OCI 1.0 lets the media type out; without a Content-Type either, the keys show what it is."""
    if "manifests" in document:
        return media_types.OCI_INDEX
    return media_types.OCI_MANIFEST


def _read_list(document: dict[str, Json], key: str, most: int) -> tuple[Descriptor, ...]:
    """Descriptors under ``key``; Go writes an empty list as ``null``."""
    entries = document.get(key)
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise refuse(gettext_noop("The manifest is malformed: %(key)s is not a list."), key=key)
    if len(entries) > most:
        raise OciError(
            "limit_exceeded",
            gettext_noop("The manifest has %(count)d %(key)s; at most %(limit)d are allowed."),
            count=len(entries),
            key=key,
            limit=most,
        )
    return tuple(read_descriptor(entry) for entry in entries)
