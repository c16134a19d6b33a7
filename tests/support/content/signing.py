"""Signs images as others do: keys of OpenSSL's or ours, cosign's payload under a tag, a bundle as a referrer."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oci.registry.repository import referrers_tag
from stack.sample import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Blob, Image
from testbed.scripted_registry import ScriptedRegistry

SIGNATURE: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
BUNDLE: Final = "dev.sigstore.cosign/bundle"
SIMPLE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT_TYPE: Final = "application/vnd.in-toto+json"
PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
PAYLOAD_TYPE: Final = "cosign container image signature"
_EMPTY: Final = Blob("application/vnd.oci.empty.v1+json", b"{}")


@lru_cache
def keyless_corpus() -> dict[str, Any]:
    """What ``tests/oci/signatures/corpus/make.mjs`` made with sigstore's own JavaScript."""
    path = Path(__file__).parents[2] / "oci" / "signatures" / "corpus" / "keyless.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Key:
    """A P-256 key as ``cosign generate-key-pair`` makes it."""

    name: str = "release"

    @cached_property
    def private(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    @property
    def pem(self) -> str:
        """Its public half, as in ``cosign.pub``."""
        return pem_of(self.private.public_key())

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    def payload(self, digest: str, *, key: str = SIGNATURE, **more: Any) -> tuple[bytes, dict[str, str]]:
        """cosign's payload for a digest, and the annotations of its layer."""
        payload = simple_payload(digest, **more)
        return payload, {key: encoded(self.sign(payload))}

    def bundle(self, digest: str, **more: Any) -> dict[str, Any]:
        """A bundle 0.3 with a statement, signed by the key."""
        statement = statement_of(digest, **more)
        return enveloped(statement, self.sign(pre_authentication(statement)))

    def message_bundle(self, content: bytes) -> dict[str, Any]:
        """A bundle 0.3 with a signature of the content itself."""
        return {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": {"publicKey": {"hint": self.name}, "tlogEntries": []},
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": encoded(_sha256(content))},
                "signature": encoded(self.sign(content)),
            },
        }


def pem_of(key: Any) -> str:
    """A public key as text."""
    made: bytes = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made.decode()


def encoded(data: bytes) -> str:
    """In Base64."""
    return base64.b64encode(data).decode()


def simple_payload(
    digest: str, *, kind: str = PAYLOAD_TYPE, reference: str = "registry.example.com/app"
) -> bytes:
    """ "Simple signing", as cosign writes it."""
    return json.dumps(
        {
            "critical": {
                "identity": {"docker-reference": reference},
                "image": {"docker-manifest-digest": digest},
                "type": kind,
            },
            "optional": None,
        },
        separators=(",", ":"),
    ).encode()


def statement_of(digest: str, **more: Any) -> bytes:
    """in-toto's statement by which cosign 3 signs an image."""
    algorithm, _, digits = digest.partition(":")
    whole = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {algorithm: digits}}],
        "predicateType": PREDICATE,
        "predicate": {},
    }
    return json.dumps(whole | more).encode()


def pre_authentication(payload: bytes, kind: str = STATEMENT_TYPE) -> bytes:
    """What a DSSE signature is over."""
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload


def enveloped(statement: bytes, signature: bytes, kind: str = STATEMENT_TYPE) -> dict[str, Any]:
    """A bundle 0.3 by a key around a statement."""
    return {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": "release"}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": encoded(statement),
            "payloadType": kind,
            "signatures": [{"sig": encoded(signature)}],
        },
    }


def cosign_image(payloads: Sequence[tuple[bytes, Mapping[str, str]]], *, layer_type: str = SIMPLE) -> Image:
    """What stands under ``sha256-<hex>.sig``: a layer a payload."""
    config = Blob(OCI_CONFIG, b'{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}')
    blobs = [Blob(layer_type, payload) for payload, _ in payloads]
    layers = [
        blob.descriptor(annotations=dict(said)) for blob, (_, said) in zip(blobs, payloads, strict=True)
    ]
    return _manifest({"config": config.descriptor(), "layers": layers}, (config, *blobs))


def bundle_image(bundle: Mapping[str, Any], *, of: Image, artifact_type: str = BUNDLE_TYPE) -> Image:
    """A bundle as a referrer of an image."""
    content = Blob(BUNDLE_TYPE, json.dumps(bundle).encode())
    return _manifest(
        {
            "artifactType": artifact_type,
            "config": _EMPTY.descriptor(),
            "layers": [content.descriptor()],
            "subject": of.manifest.descriptor(),
        },
        (_EMPTY, content),
    )


def sign_by_tag(registry: ScriptedRegistry, name: str, image: Image, key: Key, **more: Any) -> Image:
    """The earlier layout: ``sha256-<hex>.sig``."""
    made = cosign_image([key.payload(image.digest, **more)])
    registry.add_image(name, referrers_tag(image.digest) + ".sig", made)
    return made


def sign_by_referrer(
    registry: ScriptedRegistry, name: str, image: Image, bundle: Mapping[str, Any], *, said: str = BUNDLE_TYPE
) -> Image:
    """The newer layout, under the fallback tag where the registry has no referrers API.

    :param said: the artifact type in the list under that tag.
    """
    made = bundle_image(bundle, of=image)
    registry.add_image(name, made.digest, made)
    if not registry.referrers_api:
        listed = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [made.manifest.descriptor(artifactType=said)],
        }
        registry.add_manifest(name, referrers_tag(image.digest), json.dumps(listed).encode(), OCI_INDEX)
    return made


def _manifest(parts: dict[str, Any], blobs: tuple[Blob, ...]) -> Image:
    body = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, **parts}
    return Image(Blob(OCI_MANIFEST, json.dumps(body).encode()), blobs)


def _sha256(content: bytes) -> bytes:
    made = hashes.Hash(hashes.SHA256())
    made.update(content)
    return made.finalize()
