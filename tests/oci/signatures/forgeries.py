"""Signatures that must be refused, by name: made from good ones by one change each."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from oci.signatures.anchors import KeyAnchor, KeylessAnchor
from oci.signatures.keyless import TrustedRoot
from oci.signatures.keys import load_public_key
from oci.signatures.proof import Candidate, SignedBundle, SignedPayload
from oci.spec.manifest import Manifest, parse_manifest
from tests.support.content.signing import (
    PREDICATE,
    STATEMENT_TYPE,
    Key,
    encoded,
    enveloped,
    keyless_corpus,
    pem_of,
    pre_authentication,
    simple_payload,
    statement_of,
)

CORPUS: Final = keyless_corpus()
MANIFEST: Final[Manifest] = parse_manifest(base64.b64decode(CORPUS["manifest"]), None, expected_digest=None)
OTHER: Final[Manifest] = parse_manifest(base64.b64decode(CORPUS["other"]), None, expected_digest=None)
KEY: Final = Key()
STRANGER: Final = Key("stranger")
ANCHORS: Final = (
    KeyAnchor("key", "release", load_public_key(KEY.pem)),
    KeylessAnchor("workflow", "workflow", CORPUS["issuer"], CORPUS["identity"]),
)
ROOT: Final = TrustedRoot(json.dumps(CORPUS["root"]).encode())
#: A signature of nothing in particular that is well formed.
_DIGEST: Final = MANIFEST.digest

Bundle = dict[str, Any]


def bundle(document: Bundle) -> SignedBundle:
    return SignedBundle(json.dumps(document).encode())


def annotated(said: dict[str, str]) -> SignedPayload:
    """As the corpus keeps cosign's annotations."""
    return SignedPayload(
        base64.b64decode(said["payload"]), said["signature"], said["certificate"], said["bundle"]
    )


def by_key() -> Iterator[tuple[str, Candidate]]:
    """cosign's payload, signed by a key."""

    def signed(payload: bytes, key: Key = KEY) -> SignedPayload:
        return SignedPayload(payload, encoded(key.sign(payload)))

    good = simple_payload(_DIGEST)
    yield "another digest", signed(simple_payload(OTHER.digest))
    yield "a digest in capitals", signed(simple_payload(_DIGEST.upper()))
    yield "a digest without its algorithm", signed(simple_payload(_DIGEST.partition(":")[2]))
    yield "a digest with a space", signed(simple_payload(_DIGEST + " "))
    yield "an empty digest", signed(simple_payload(""))
    yield "another key", signed(good, STRANGER)
    yield "a payload changed afterwards", SignedPayload(good + b" ", encoded(KEY.sign(good)))
    yield "a signature of the digest alone", SignedPayload(good, encoded(KEY.sign(_DIGEST.encode())))
    yield "a signature of the manifest", SignedPayload(good, encoded(KEY.sign(MANIFEST.body)))
    yield "a cut signature", SignedPayload(good, encoded(KEY.sign(good)[:-1]))
    yield "a signature with more behind it", SignedPayload(good, encoded(KEY.sign(good) + b"\0"))
    yield "a signature that is no base64", SignedPayload(good, "!" + encoded(KEY.sign(good)))
    yield "a signature in two lines", SignedPayload(good, encoded(KEY.sign(good)) + "\n")
    yield "an empty payload", signed(b"")
    yield "two documents in one", signed(good + good)
    twice = good.replace(b'"critical":', b'"critical":{},"critical":', 1)
    yield "two claims in one object", signed(twice)
    image = f'"image":{{"docker-manifest-digest":"{OTHER.digest}"}},'.encode()
    yield "two images in one claim", signed(good.replace(b'"image":', image + b'"image":', 1))
    yield "a list", signed(b"[" + good + b"]")
    yield "a byte order mark", signed(b"\xef\xbb\xbf" + good)
    yield "UTF-16", signed(good.decode().encode("utf-16"))
    yield "no claim", signed(b"{}")
    yield "a claim that is a text", signed(json.dumps({"critical": _DIGEST}).encode())
    yield "another kind of claim", signed(simple_payload(_DIGEST, kind="atomic container signature"))
    yield "a claim of no kind", signed(simple_payload(_DIGEST, kind=""))
    yield "a statement for a payload", signed(statement_of(_DIGEST))
    yield "a bundle for a payload", signed(json.dumps(KEY.bundle(_DIGEST)).encode())
    yield "deeper than anyone writes", signed(b'{"critical":' + b"[" * 200 + b"]" * 200 + b"}")
    yield "larger than anyone writes", signed(good[:-1] + b" " * 300_000 + b"}")


def by_key_in_bundles() -> Iterator[tuple[str, Candidate]]:
    """Bundles by a key."""

    def made(statement: bytes, key: Key = KEY, kind: str = STATEMENT_TYPE) -> SignedBundle:
        return bundle(enveloped(statement, key.sign(pre_authentication(statement, kind)), kind))

    good = statement_of(_DIGEST)
    yield "bundle: another digest", made(statement_of(OTHER.digest))
    yield "bundle: another key", made(good, STRANGER)
    yield "bundle: no subject", made(statement_of(_DIGEST, subject=[]))
    yield "bundle: a subject without a digest", made(statement_of(_DIGEST, subject=[{"name": _DIGEST}]))
    hexadecimal = _DIGEST.partition(":")[2]
    yield (
        "bundle: a subject by another hash",
        made(statement_of(_DIGEST, subject=[{"digest": {"sha512": hexadecimal}}])),
    )
    yield (
        "bundle: a subject with a list of digests",
        made(statement_of(_DIGEST, subject=[{"digest": {"sha256": [hexadecimal]}}])),
    )
    yield "bundle: a subject that is no list", made(statement_of(_DIGEST, subject={"sha256": hexadecimal}))
    yield "bundle: provenance", made(statement_of(_DIGEST, predicateType="https://slsa.dev/provenance/v1"))
    yield "bundle: an SBOM", made(statement_of(_DIGEST, predicateType="https://spdx.dev/Document"))
    yield "bundle: a predicate that begins alike", made(statement_of(_DIGEST, predicateType=PREDICATE + "x"))
    yield "bundle: no predicate", made(statement_of(_DIGEST, predicateType=None))
    yield (
        "bundle: a statement of an earlier kind",
        made(statement_of(_DIGEST, _type="https://in-toto.io/Statement/v0.1")),
    )
    yield "bundle: two statements in one", made(good + good)
    yield "bundle: another payload type", made(good, kind="application/json")
    yield "bundle: a cosign payload", made(simple_payload(_DIGEST))
    other = enveloped(good, KEY.sign(pre_authentication(good, "application/json")))
    yield "bundle: signed as another type", bundle(other)
    yield "bundle: signed without its type", bundle(enveloped(good, KEY.sign(good)))
    swapped = KEY.bundle(OTHER.digest)
    swapped["dsseEnvelope"]["payload"] = encoded(good)
    yield "bundle: another statement put in", bundle(swapped)
    doubled = KEY.bundle(_DIGEST)
    doubled["dsseEnvelope"]["signatures"] *= 2
    yield "bundle: two signatures", bundle(doubled)
    none = KEY.bundle(_DIGEST)
    none["dsseEnvelope"]["signatures"] = []
    yield "bundle: no signature", bundle(none)
    both = KEY.bundle(_DIGEST) | {"messageSignature": KEY.message_bundle(MANIFEST.body)["messageSignature"]}
    yield "bundle: a statement and a message", bundle(both)
    for version in ("application/vnd.dev.sigstore.bundle+json;version=0.1", "application/json", ""):
        yield f"bundle: of the type {version!r}", bundle(KEY.bundle(_DIGEST) | {"mediaType": version})
    yield "bundle: nothing to verify with", bundle(KEY.bundle(_DIGEST) | {"verificationMaterial": {}})
    yield "bundle: a message over another manifest", bundle(KEY.message_bundle(OTHER.body))
    yield "bundle: a message over the digest", bundle(KEY.message_bundle(_DIGEST.encode()))
    yield "bundle: a message by another key", bundle(STRANGER.message_bundle(MANIFEST.body))
    lying = KEY.message_bundle(MANIFEST.body)
    lying["messageSignature"]["messageDigest"]["digest"] = encoded(bytes(32))
    yield "bundle: a message that says another digest", bundle(lying)
    weak = KEY.message_bundle(MANIFEST.body)
    weak["messageSignature"]["messageDigest"]["algorithm"] = "SHA2_1"
    yield "bundle: a message by an unknown hash", bundle(weak)
    yield "bundle: by SHA-1", bundle(_signed_by(hashes.SHA1(), good))  # noqa: S303 - what must be refused
    yield "bundle: by SHA-512, which P-256 doesn't go with", bundle(_signed_by(hashes.SHA512(), good))
    text = json.dumps(KEY.bundle(_DIGEST)).replace('"payload":', '"payload": "e30=", "payload":', 1)
    yield "bundle: two payloads under one name", SignedBundle(text.encode())
    yield "bundle: no JSON", SignedBundle(b"signed, I promise")
    yield "bundle: not ours to read", SignedBundle(b"[]")


def _signed_by(method: hashes.HashAlgorithm, statement: bytes) -> Bundle:
    signature = KEY.private.sign(pre_authentication(statement), ec.ECDSA(method))
    return enveloped(statement, signature)


def keyless() -> Iterator[tuple[str, Candidate]]:
    """By identities: those that sigstore's JavaScript made, and its good ones with one change each."""
    for name, document in CORPUS["bad"].items():
        yield f"keyless {name}", bundle(document)
    for name, change in _CHANGES.items():
        for kind in ("dsse", "message"):
            changed = copy.deepcopy(CORPUS["good"][kind])
            change(changed)
            yield f"keyless {kind}: {name}", bundle(changed)
    stamped = copy.deepcopy(CORPUS["good"]["message: Rekor 2, time stamped"])
    stamped["verificationMaterial"].pop("timestampVerificationData")
    yield "keyless: Rekor 2 without a time stamp", bundle(stamped)
    moved = copy.deepcopy(CORPUS["good"]["message: Rekor 2, time stamped"])
    other = CORPUS["good"]["dsse: time stamped too"]["verificationMaterial"]
    moved["verificationMaterial"]["timestampVerificationData"] = other["timestampVerificationData"]
    yield "keyless: the time stamp of another signature", bundle(moved)


def keyless_annotations() -> Iterator[tuple[str, Candidate]]:
    """cosign's annotations by identities."""
    for name, said in CORPUS["badAnnotations"].items():
        yield f"annotations: {name}", annotated(said)
    good = CORPUS["goodAnnotations"]
    foreign = CORPUS["badAnnotations"]["another image"]
    for part in ("signature", "certificate", "bundle"):
        yield f"annotations: the {part} of another signature", annotated(good | {part: foreign[part]})
        yield f"annotations: no {part}", annotated(good | {part: ""})
    promise = json.loads(good["bundle"])
    for name, value in (("integratedTime", 1_700_000_000), ("logIndex", 1), ("logID", "00" * 32)):
        changed = promise | {"Payload": promise["Payload"] | {name: value}}
        yield (
            f"annotations: a promise about another {name}",
            annotated(good | {"bundle": json.dumps(changed)}),
        )
    later = promise["Payload"]["integratedTime"] + 86_400
    changed = promise | {"Payload": promise["Payload"] | {"integratedTime": later}}
    yield "annotations: logged after the certificate", annotated(good | {"bundle": json.dumps(changed)})
    unsigned = promise | {"SignedEntryTimestamp": encoded(b"signed, I promise")}
    yield "annotations: a promise that nobody made", annotated(good | {"bundle": json.dumps(unsigned)})
    yield (
        "annotations: two certificates",
        annotated(good | {"certificate": good["certificate"] + good["certificate"]}),
    )
    own = STRANGER.payload(_DIGEST)[0]
    yield (
        "annotations: a stranger's signature beside a good certificate",
        SignedPayload(own, encoded(STRANGER.sign(own)), good["certificate"], good["bundle"]),
    )


def _entry(document: Bundle) -> Bundle:
    found: Bundle = document["verificationMaterial"]["tlogEntries"][0]
    return found


def _content(document: Bundle) -> Bundle:
    found: Bundle = document.get("dsseEnvelope") or document["messageSignature"]
    return found


def _flip(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return encoded(bytes(data))


def _drop(document: Bundle, *path: str) -> None:
    for key in path[:-1]:
        document = document[key]
    document.pop(path[-1])


def _certificate(document: Bundle) -> None:
    raw = document["verificationMaterial"]["certificate"]
    raw["rawBytes"] = CORPUS["bad"]["dsse: another world"]["verificationMaterial"]["certificate"]["rawBytes"]


def _no_log(document: Bundle) -> None:
    document["verificationMaterial"]["tlogEntries"] = []


def _two_logs(document: Bundle) -> None:
    document["verificationMaterial"]["tlogEntries"] *= 2


def _foreign_log(document: Bundle) -> None:
    other = CORPUS["bad"]["dsse: another world"]
    document["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]


def _log_of_another(document: Bundle) -> None:
    other = CORPUS["bad"]["dsse: another image"]
    document["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]


def _other_time(document: Bundle) -> None:
    _entry(document)["integratedTime"] = str(int(_entry(document)["integratedTime"]) + 86_400)


def _other_promise(document: Bundle) -> None:
    promise = _entry(document)["inclusionPromise"]
    promise["signedEntryTimestamp"] = _flip(promise["signedEntryTimestamp"])


def _no_promise(document: Bundle) -> None:
    _drop(_entry(document), "inclusionPromise")


def _no_proof(document: Bundle) -> None:
    _drop(_entry(document), "inclusionProof")


def _no_checkpoint(document: Bundle) -> None:
    _drop(_entry(document), "inclusionProof", "checkpoint")


def _other_root(document: Bundle) -> None:
    proof = _entry(document)["inclusionProof"]
    proof["rootHash"] = _flip(proof["rootHash"])


def _other_checkpoint(document: Bundle) -> None:
    point = _entry(document)["inclusionProof"]["checkpoint"]
    point["envelope"] = point["envelope"].replace("\n1\n", "\n2\n", 1)


def _other_body(document: Bundle) -> None:
    _entry(document)["canonicalizedBody"] = _flip(_entry(document)["canonicalizedBody"])


def _other_kind(document: Bundle) -> None:
    _entry(document)["kindVersion"] = {"kind": "intoto", "version": "0.0.2"}


def _other_signature(document: Bundle) -> None:
    content = _content(document)
    if "signatures" in content:
        content["signatures"][0]["sig"] = _flip(content["signatures"][0]["sig"])
    else:
        content["signature"] = _flip(content["signature"])


def _as_by_key(document: Bundle) -> None:
    material = document["verificationMaterial"]
    material.pop("certificate")
    material["publicKey"] = {"hint": ""}


def _key_and_certificate(document: Bundle) -> None:
    document["verificationMaterial"]["publicKey"] = {"hint": ""}


def _certificate_cut(document: Bundle) -> None:
    raw = document["verificationMaterial"]["certificate"]
    raw["rawBytes"] = encoded(base64.b64decode(raw["rawBytes"])[:-7])


def _certificate_changed(document: Bundle) -> None:
    raw = document["verificationMaterial"]["certificate"]
    data = base64.b64decode(raw["rawBytes"])
    raw["rawBytes"] = encoded(data.replace(b"github.example.com/acme", b"github.example.com/evil", 1))


_CHANGES: Final[dict[str, Callable[[Bundle], None]]] = {
    "the certificate of another world": _certificate,
    "a cut certificate": _certificate_cut,
    "a name changed in the certificate": _certificate_changed,
    "no log entry": _no_log,
    "two log entries": _two_logs,
    "the log entry of another world": _foreign_log,
    "the log entry of another signature": _log_of_another,
    "another time, after the certificate": _other_time,
    "a promise changed": _other_promise,
    "no promise and no time stamp": _no_promise,
    "no proof of inclusion": _no_proof,
    "no checkpoint": _no_checkpoint,
    "another root of the tree": _other_root,
    "a checkpoint changed": _other_checkpoint,
    "the log's entry changed": _other_body,
    "another kind of log entry": _other_kind,
    "a signature changed": _other_signature,
    "a key for the certificate": _as_by_key,
    "a key beside the certificate": _key_and_certificate,
}

FORGERIES: Final[dict[str, Candidate]] = {
    name: candidate
    for made in (by_key, by_key_in_bundles, keyless, keyless_annotations)
    for name, candidate in made()
}


def weak_keys() -> dict[str, str]:
    """Keys that are no anchors, as PEM."""
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what must be refused
    curves = {"P-224": ec.SECP224R1(), "secp256k1": ec.SECP256K1(), "brainpool": ec.BrainpoolP256R1()}
    found = {name: pem_of(ec.generate_private_key(curve).public_key()) for name, curve in curves.items()}
    return found | {"RSA-1024": pem_of(small.public_key())}


def by_pss() -> tuple[KeyAnchor, SignedPayload]:
    """A good RSA key and a signature of the kind that cosign does not make."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    payload = simple_payload(_DIGEST)
    way = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    signature = key.sign(payload, way, hashes.SHA256())
    return KeyAnchor("rsa", "rsa", load_public_key(pem_of(key.public_key()))), SignedPayload(
        payload, encoded(signature)
    )
