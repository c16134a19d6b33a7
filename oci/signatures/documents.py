"""The documents that are signed, read strictly: cosign's payload, in-toto's statement, sigstore's bundle.

Whatever could be read in two ways is refused: the program that verified and the one that believes must see one thing.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from oci.errors import gettext_noop
from oci.spec.digest import parse_digest
from oci.spec.strict_json import BadJsonError, Json, dump, load

#: A payload or a bundle; real ones have some kilobytes, those with Rekor's proofs up to twenty.
DOCUMENT_BYTES: Final = 256 * 1024
BUNDLE_TYPES: Final = frozenset(
    {"application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle+json;version=0.3"}
)
STATEMENT_TYPE: Final = "application/vnd.in-toto+json"
COSIGN_PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
#: What a payload says that it is; the second is what cosign 3 writes.
_PAYLOADS: Final = frozenset({"cosign container image signature", COSIGN_PREDICATE})
#: As a bundle names them, and :mod:`hashlib`.
_HASHES: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
#: Subjects of one statement: an image has one, a release of many may have some hundred.
_SUBJECTS: Final = 1000

UNREADABLE: Final = gettext_noop("The signature can't be read.")
OTHER_IMAGE: Final = gettext_noop("The signature is for another image.")
NO_SIGNATURE: Final = gettext_noop("The document isn't a signature of an image.")


class SignatureRejected(Exception):
    """Why a signature doesn't count: a sentence template with its values."""

    def __init__(self, template: str, **params: str) -> None:
        super().__init__(template)
        self.template = template
        self.params = params


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle 0.3 as it was read.

    :param canonical: only what was read, written by us: what another parser is given.
    :param signature: over ``signed`` or, where that is None, over the manifest itself.
    :param statement: what the envelope carries; None for a signature of the manifest.
    :param message_digest: what the bundle says it signed: the hash's name and hexadecimal digits, where it says so.
    :param has_certificate: keyless, else by a key.
    """

    canonical: bytes
    signature: bytes
    signed: bytes | None
    statement: bytes | None
    message_digest: tuple[str, str] | None
    has_certificate: bool


def check_payload(payload: bytes, digest: str) -> None:
    """Whether a cosign payload ("simple signing") is for this image; only its digest decides.

    :raises Refused: it isn't, or can't be read.
    """
    critical = _object(_read(payload).get("critical"))
    if critical.get("type") not in _PAYLOADS:
        raise SignatureRejected(NO_SIGNATURE)
    if _text(_object(critical.get("image")).get("docker-manifest-digest")) != digest:
        raise SignatureRejected(OTHER_IMAGE)


def check_statement(statement: bytes, digest: str) -> None:
    """Whether an in-toto statement is cosign's signature of this image.

    :raises Refused: it isn't, or can't be read.
    """
    document = _read(statement)
    if document.get("_type") != _STATEMENT or document.get("predicateType") != COSIGN_PREDICATE:
        raise SignatureRejected(NO_SIGNATURE)
    subjects = document.get("subject")
    if not isinstance(subjects, list) or not 0 < len(subjects) <= _SUBJECTS:
        raise SignatureRejected(UNREADABLE)
    algorithm, digits = parse_digest(digest)
    named = [_object(_object(each).get("digest")) for each in subjects]
    if not any(each.get(algorithm) == digits for each in named):
        raise SignatureRejected(OTHER_IMAGE)


def read_bundle(raw: bytes) -> Bundle:
    """A sigstore bundle 0.3.

    :raises Refused: it is none, or says two things at once.
    """
    document = _read(raw)
    if document.get("mediaType") not in BUNDLE_TYPES:
        raise SignatureRejected(UNREADABLE)
    material = _object(document.get("verificationMaterial"))
    ways = [
        key for key in ("certificate", "publicKey", "x509CertificateChain") if material.get(key) is not None
    ]
    contents = [key for key in ("dsseEnvelope", "messageSignature") if document.get(key) is not None]
    if ways not in (["certificate"], ["publicKey"]) or len(contents) != 1:
        raise SignatureRejected(UNREADABLE)
    whole: dict[str, Json] = {
        "mediaType": document["mediaType"],
        "verificationMaterial": {
            key: material[key]
            for key in (ways[0], "timestampVerificationData")
            if material.get(key) is not None
        }
        | {"tlogEntries": [_entry(each) for each in _list(material.get("tlogEntries"))]},
    }
    content = _object(document[contents[0]])
    keyless = ways == ["certificate"]
    if contents == ["dsseEnvelope"]:
        return _enveloped(content, whole, keyless)
    return _message(content, whole, keyless)


def _entry(value: Json) -> Json:
    """A log's entry with the zeros and empty lists that writers of protobuf's JSON leave out."""
    entry = _object(value)
    made: dict[str, Json] = {"logIndex": "0", **entry}
    if entry.get("inclusionProof") is not None:
        none: list[Json] = []
        made["inclusionProof"] = {
            "logIndex": "0",
            "treeSize": "0",
            "hashes": none,
            **_object(entry["inclusionProof"]),
        }
    return made


def _enveloped(content: dict[str, Json], whole: dict[str, Json], keyless: bool) -> Bundle:
    signatures = content.get("signatures")
    if (
        content.get("payloadType") != STATEMENT_TYPE
        or not isinstance(signatures, list)
        or len(signatures) != 1
    ):
        raise SignatureRejected(UNREADABLE)
    payload, sig = _text(content.get("payload")), _text(_object(signatures[0]).get("sig"))
    statement = decoded(payload)
    canonical = dump(
        whole
        | {
            "dsseEnvelope": {
                "payload": payload,
                "payloadType": STATEMENT_TYPE,
                "signatures": [{"sig": sig}],
            }
        }
    )
    return Bundle(canonical, decoded(sig), _pre_authentication(statement), statement, None, keyless)


def _message(content: dict[str, Json], whole: dict[str, Json], keyless: bool) -> Bundle:
    sig, message_digest = _text(content.get("signature")), content.get("messageDigest")
    message: dict[str, Json] = {"signature": sig}
    signed = None
    if message_digest is not None:
        hashed = _object(message_digest)
        name, digest = _text(hashed.get("algorithm")), _text(hashed.get("digest"))
        if name not in _HASHES:
            raise SignatureRejected(UNREADABLE)
        signed = (_HASHES[name], decoded(digest).hex())
        message["messageDigest"] = {"algorithm": name, "digest": digest}
    return Bundle(dump(whole | {"messageSignature": message}), decoded(sig), None, None, signed, keyless)


def decoded(text: str) -> bytes:
    """Standard base64, padded, nothing beside it; not empty.

    :raises Refused: it is something else.
    """
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureRejected(UNREADABLE) from None
    if not found or base64.b64encode(found).decode() != text:
        raise SignatureRejected(UNREADABLE)
    return found


def _pre_authentication(statement: bytes) -> bytes:
    """What a DSSE signature is over (PAE): the type and the payload with their lengths."""
    return b"DSSEv1 %d %s %d %s" % (
        len(STATEMENT_TYPE),
        STATEMENT_TYPE.encode(),
        len(statement),
        statement,
    )


def read_object(raw: bytes) -> dict[str, Json]:
    """A JSON object, read strictly and bounded.

    :raises Refused: it is none.
    """
    return _read(raw)


def _read(raw: bytes) -> dict[str, Json]:
    if len(raw) > DOCUMENT_BYTES:
        raise SignatureRejected(UNREADABLE)
    try:
        return _object(load(raw))
    except BadJsonError:
        raise SignatureRejected(UNREADABLE) from None


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise SignatureRejected(UNREADABLE)
    return value


def _list(value: Json) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise SignatureRejected(UNREADABLE)
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise SignatureRejected(UNREADABLE)
    return value
