"""Public keys that sign images: which are strong enough, and whether one of them made a signature."""

from __future__ import annotations

import hashlib
from typing import Final

import nacl.bindings
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from nacl.exceptions import CryptoError

from oci.errors import gettext_noop

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

#: A key in PEM; an RSA key of 16384 bits has three kilobytes.
PEM_CHARS: Final = 8 * 1024
MIN_RSA_BITS: Final = 2048
#: Beyond this one signature takes seconds.
MAX_RSA_BITS: Final = 16384
#: The curves, each with the hash of its size.
_CURVES: Final[dict[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_PEM: Final = "-----BEGIN PUBLIC KEY-----"


class BadKeyError(ValueError):
    """Why a key is not taken: a sentence template for people."""

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self.template = template


def load_public_key(pem: str) -> PublicKey:
    """A key as ``cosign.pub`` holds it: one ``PUBLIC KEY`` in PEM, P-256, P-384, P-521, RSA from 2048 bits or Ed25519.

    :raises BadKeyError: it is none, more than one, or too weak.
    """
    text = pem.strip()
    if len(text) > PEM_CHARS or not text.startswith(_PEM) or text.count("-----BEGIN") != 1:
        raise BadKeyError(gettext_noop("Enter one public key in PEM format, as in cosign.pub."))
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise BadKeyError(gettext_noop("This public key can't be read.")) from None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return key
    raise BadKeyError(
        gettext_noop("Use a P-256, P-384, P-521 or Ed25519 key, or an RSA key of at least 2048 bits.")
    )


def fingerprint(key: PublicKey) -> str:
    """``sha256:`` and the hash of the key as it is in certificates."""
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def holds(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether ``key`` made ``signature`` over ``message``: by SHA-256 or the hash of the key's curve, by Ed25519 over
    the message or (Ed25519ph) its SHA-512, by RSA with PKCS #1 v1.5.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _by_ed25519(key, signature, message) or _by_ed25519ph(key, signature, message)
    if isinstance(key, rsa.RSAPublicKey):
        return _by_rsa(key, signature, message)
    by_curve = _CURVES[key.curve.name]
    methods = {method.name: method for method in (hashes.SHA256(), by_curve)}
    return any(_by_curve(key, signature, message, method) for method in methods.values())


def _by_curve(
    key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes, method: hashes.HashAlgorithm
) -> bool:
    try:
        key.verify(signature, message, ec.ECDSA(method))
    except InvalidSignature:
        return False
    return True


def _by_rsa(key: rsa.RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _by_ed25519(key: ed25519.Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _by_ed25519ph(key: ed25519.Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """As sigstore's logs need it, which know only the hash of a message (RFC 8032, 5.1)."""
    if len(signature) != nacl.bindings.crypto_sign_BYTES:
        return False
    state = nacl.bindings.crypto_sign_ed25519ph_state()
    nacl.bindings.crypto_sign_ed25519ph_update(state, message)
    try:
        nacl.bindings.crypto_sign_ed25519ph_final_verify(state, signature, key.public_bytes_raw())
    except CryptoError:
        return False
    return True
