"""Descriptors: what a manifest says about the content that it points to, checked before anyone acts on it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from oci import limits
from oci.errors import OciError, gettext_noop
from oci.spec import media_types
from oci.spec.digest import digest_of, is_digest, parse_digest
from oci.spec.platform import Platform, is_platform_part
from oci.spec.strict_json import Json

ATTESTATION_TYPE: Final = "vnd.docker.reference.type"
ATTESTATION_OF: Final = "vnd.docker.reference.digest"
_ATTESTATION: Final = "attestation-manifest"

_KNOWN_KEYS: Final = frozenset(
    {"mediatype", "digest", "size", "urls", "annotations", "data", "artifacttype", "platform"}
)
_PLATFORM_KEYS: Final = frozenset({"architecture", "os", "os.version", "os.features", "variant", "features"})
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def refuse(template: str, **params: str | int) -> OciError:
    """The error for a manifest that is not what it should be."""
    error = OciError("unsupported_manifest", template)
    error.params.update(params)
    return error


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Content by its digest. ``data`` is the content itself, only where it was embedded and matches."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: _NOTHING, hash=False)
    artifact_type: str = ""
    urls: tuple[str, ...] = ()
    data: bytes | None = field(default=None, repr=False)

    @property
    def is_foreign(self) -> bool:
        """A layer whose bytes stay elsewhere: its descriptor is kept, nothing is uploaded or fetched."""
        return media_types.is_foreign(self.media_type)

    @property
    def is_attestation(self) -> bool:
        """Whether it says that it is a statement about another child of the same index, made by BuildKit."""
        if self.annotations.get(ATTESTATION_TYPE) == _ATTESTATION:
            return True
        return ATTESTATION_OF in self.annotations and self.platform is not None and self.platform.is_unknown

    @property
    def runs_nowhere(self) -> bool:
        """An attestation for ``unknown/unknown``, which no runtime takes. The annotation alone proves nothing: who
        writes the index can put it on an image.
        """
        return self.is_attestation and self.platform is not None and self.platform.is_unknown

    @property
    def attests(self) -> str | None:
        """The digest of the child that an attestation is about; None where it claims a platform of its own."""
        digest = self.annotations.get(ATTESTATION_OF)
        claims = self.platform is not None and not self.platform.is_unknown
        return digest if self.is_attestation and not claims and is_digest(digest) else None

    @property
    def is_index(self) -> bool:
        return self.media_type in media_types.INDEX_TYPES


def as_object(value: Json, known_keys: frozenset[str]) -> dict[str, Json]:
    """``value`` as an object whose known keys are written exactly.

    Go's parser takes ``Layers`` or ``LAYERS`` for ``layers``; a registry would then act on what we did not
    check.
    """
    if not isinstance(value, dict):
        raise refuse(
            gettext_noop("The manifest is malformed: it has another value where an object is required.")
        )
    for key in value:
        folded = key.casefold()
        if folded in known_keys and not _written_exactly(key, folded):
            raise refuse(
                gettext_noop("The manifest is malformed: the key %(key)s is misspelled."), key=folded
            )
    return value


_EXACT: Final = {
    "mediatype": "mediaType",
    "artifacttype": "artifactType",
    "schemaversion": "schemaVersion",
} | {"fslayers": "fsLayers"}


def _written_exactly(key: str, folded: str) -> bool:
    return key == _EXACT.get(folded, folded)


def read_descriptor(value: Json) -> Descriptor:
    """Check one descriptor.

    :raises OciError: ``unsupported_manifest`` with what is wrong.
    """
    entry = as_object(value, _KNOWN_KEYS)
    digest, size = entry.get("digest"), entry.get("size")
    media_type = entry.get("mediaType")
    if not isinstance(digest, str) or not is_digest(digest):
        raise refuse(gettext_noop("The manifest is malformed: a digest in it is not valid."))
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= limits.DESCRIPTOR_SIZE:
        raise refuse(gettext_noop("The manifest is malformed: a size in it is not a whole number of bytes."))
    if not isinstance(media_type, str) or not media_types.is_media_type(media_type):
        raise refuse(gettext_noop("The manifest is malformed: a media type in it is not valid."))
    return Descriptor(
        media_type=media_type,
        digest=digest,
        size=size,
        platform=read_platform(entry.get("platform")),
        annotations=read_annotations(entry.get("annotations")),
        artifact_type=read_text(entry.get("artifactType")),
        urls=_read_texts(entry.get("urls")),
        data=_read_data(entry.get("data"), digest, size),
    )


def read_annotations(value: Json) -> Mapping[str, str]:
    """A flat mapping of texts, read-only; nothing when it is absent."""
    if value is None:
        return _NOTHING
    if not isinstance(value, dict):
        raise refuse(gettext_noop("The manifest is malformed: its annotations are not strings."))
    texts = {key: text for key, text in value.items() if isinstance(text, str)}
    if len(texts) != len(value):
        raise refuse(gettext_noop("The manifest is malformed: its annotations are not strings."))
    return MappingProxyType(texts)


def read_text(value: Json) -> str:
    """A text, or nothing when it is absent."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refuse(
            gettext_noop("The manifest is malformed: it has another value where a string is required.")
        )
    return value


def _read_texts(value: Json) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise refuse(
            gettext_noop("The manifest is malformed: it has another value where a string is required.")
        )
    return tuple(read_text(item) for item in value)


def read_platform(value: Json) -> Platform | None:
    """A platform, or None where it says nothing (some tools write both parts empty)."""
    if value is None:
        return None
    entry = as_object(value, _PLATFORM_KEYS)
    parts = [read_text(entry.get(key)) for key in ("os", "architecture", "variant", "os.version")]
    features = _read_texts(entry.get("os.features"))
    if not parts[0] and not parts[1]:
        return None
    if not all(is_platform_part(part) for part in (*parts[:2], *filter(None, parts[2:]), *features)):
        raise refuse(gettext_noop("The manifest is malformed: a platform in it is not valid."))
    return Platform(parts[0], parts[1], parts[2], parts[3], features)


def _read_data(value: Json, digest: str, size: int) -> bytes | None:
    """Embedded content, where it is what the descriptor says; else it is fetched like any other."""
    encoded = read_text(value)
    if not encoded:
        return None
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    algorithm, _ = parse_digest(digest)
    return content if len(content) == size and digest_of(content, algorithm=algorithm) == digest else None
