"""SBOMs as they are attached: plain documents, in-toto statements (BuildKit), DSSE envelopes (cosign), Sigstore's
bundles. What is read is a stream of bytes; a statement in an envelope is held in memory, within a bound.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal

from oci.contents.json_items import Path, read_items
from oci.contents.packages import Package, from_cyclonedx, from_spdx
from oci.errors import OciError, gettext_noop
from oci.limits import SBOM_ENVELOPE_BYTES, SBOM_PACKAGES
from oci.signatures.documents import BUNDLE_TYPES
from oci.spec.manifest import Descriptor
from oci.spec.strict_json import BadJsonError, load

Format = Literal["spdx", "cyclonedx"]

#: Where each keeps a statement's type: BuildKit, cosign's ``.att``, Sigstore's bundles.
_PREDICATE_KEYS: Final = (
    "in-toto.io/predicate-type",
    "predicateType",
    "dev.sigstore.bundle.predicateType",
)
_STATEMENTS: Final = frozenset({"application/vnd.in-toto+json"})
_ENVELOPES: Final = frozenset({"application/vnd.dsse.envelope.v1+json"}) | BUNDLE_TYPES
_PATHS: Final[dict[Path, Callable[[Any], Iterator[Package]]]] = {
    ("packages",): from_spdx,
    ("predicate", "packages"): from_spdx,
    ("components",): from_cyclonedx,
    ("predicate", "components"): from_cyclonedx,
}

_NO_STATEMENT: Final = gettext_noop("The document contains no in-toto statement.")
_NO_LIST: Final = gettext_noop(
    "The document has no list of packages in the form of SPDX 2 or CycloneDX. Other formats, such as SPDX 3, "
    "can't be read."
)
_LARGE: Final = gettext_noop("The SBOM is too large.")


def predicate_of(layer: Descriptor) -> str:
    """The type of the statement that a layer holds, as its annotations have it; empty where they don't say."""
    return next((text for key in _PREDICATE_KEYS if (text := layer.annotations.get(key, ""))), "")


def format_of(layer: Descriptor, artifact_type: str = "") -> Format | None:
    """What kind of SBOM a layer holds by what is said of it; None: another thing.

    :param artifact_type: of the manifest that names the layer.
    """
    types = [layer.media_type, artifact_type]
    if layer.media_type in _STATEMENTS | _ENVELOPES:
        types = [layer.annotations.get(key, "") for key in _PREDICATE_KEYS]
    for text in types:
        folded = text.lower()
        if "spdx" in folded and ("json" in folded or "://" in folded):
            return "spdx"
        if "cyclonedx" in folded and "xml" not in folded:
            return "cyclonedx"
    return None


def read_packages(chunks: Iterable[bytes], media_type: str) -> list[Package]:
    """The packages of one SBOM, each once.

    :param chunks: the layer's bytes.
    :param media_type: the layer's.
    :raises OciError: ``unsupported_manifest`` or ``limit_exceeded``: it can't be read.
    """
    found: dict[Package, None] = {}
    met: set[Path] = set()
    try:
        if media_type in _ENVELOPES:
            chunks = [_statement(chunks)]
        for path, entry in read_items(chunks, _PATHS, met):
            found.update(dict.fromkeys(_PATHS[path](entry)))
            if len(found) > SBOM_PACKAGES:
                raise BadJsonError(_LARGE, too_large=True)
        if not met:
            raise BadJsonError(_NO_LIST)
    except BadJsonError as bad:
        code = "limit_exceeded" if bad.too_large else "unsupported_manifest"
        raise OciError(code, bad.template) from None
    return sorted(
        found, key=lambda each: (each.name.casefold(), each.name, each.version, each.type, each.purl)
    )


def _statement(chunks: Iterable[bytes]) -> bytes:
    """What an envelope holds, by itself or in a bundle."""
    text = bytearray()
    for chunk in chunks:
        text += chunk
        if len(text) > SBOM_ENVELOPE_BYTES:
            raise BadJsonError(_LARGE, too_large=True)
    document = load(bytes(text))
    envelope = document.get("dsseEnvelope", document) if isinstance(document, dict) else None
    payload = envelope.get("payload") if isinstance(envelope, dict) else None
    if not isinstance(payload, str):
        raise BadJsonError(_NO_STATEMENT)
    try:
        return base64.b64decode(payload, validate=True)
    except binascii.Error:
        raise BadJsonError(_NO_STATEMENT) from None
