"""Which keys are taken, and whose signatures hold: made by OpenSSL, not by us."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from oci.signatures.keys import BadKeyError, fingerprint, holds, load_public_key
from tests.oci.signatures.forgeries import weak_keys
from tests.support.content.signing import Key

MESSAGE = b'{"critical":{}}'
#: How OpenSSL makes each kind of key, and the hashes to sign by; Ed25519 signs the message itself.
KINDS = {
    "P-256": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["sha256"]),
    "P-384": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], ["sha256", "sha384"]),
    "P-521": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], ["sha256", "sha512"]),
    "RSA-3072": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"], ["sha256"]),
    "RSA-2048": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["sha256"]),
    "Ed25519": (["-algorithm", "ED25519"], [""]),
}


def openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def made(folder: Path, options: list[str]) -> tuple[Path, str]:
    private = folder / "key.pem"
    openssl("genpkey", *options, "-out", private)
    return private, openssl("pkey", "-in", private, "-pubout").decode()


def signed(folder: Path, private: Path, method: str, message: bytes = MESSAGE) -> bytes:
    document = folder / "message"
    document.write_bytes(message)
    if method:
        return openssl("dgst", f"-{method}", "-sign", private, document)
    return openssl("pkeyutl", "-sign", "-inkey", private, "-rawin", "-in", document)


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_that_openssl_made_hold(tmp_path: Path, kind: str) -> None:
    options, methods = KINDS[kind]
    private, pem = made(tmp_path, options)
    key = load_public_key(pem)
    for method in methods:
        signature = signed(tmp_path, private, method)
        assert holds(key, signature, MESSAGE)
        assert not holds(key, signature, MESSAGE + b" ")
        assert not holds(load_public_key(Key().pem), signature, MESSAGE)
        changed = bytearray(signature)
        changed[-1] ^= 1
        assert not holds(key, bytes(changed), MESSAGE)
        assert not holds(key, b"", MESSAGE)


@pytest.mark.parametrize(("kind", "method"), [("P-256", "sha1"), ("P-256", "sha512"), ("RSA-3072", "sha1")])
def test_other_hashes_do_not_count(tmp_path: Path, kind: str, method: str) -> None:
    private, pem = made(tmp_path, KINDS[kind][0])
    assert not holds(load_public_key(pem), signed(tmp_path, private, method), MESSAGE)


def test_ed25519_over_the_hash_holds_as_the_standard_has_it() -> None:
    """RFC 8032, 7.3: the test vector of Ed25519ph."""
    pem = (
        "-----BEGIN PUBLIC KEY-----\n"
        "MCowBQYDK2VwAyEA7Bcrk61eVjv0kyxw4SRQNMNUZ+8u/U1k6/gZaDRn4r8=\n"
        "-----END PUBLIC KEY-----"
    )
    signature = bytes.fromhex(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    )
    key = load_public_key(pem)
    assert holds(key, signature, b"abc")
    assert not holds(key, signature, b"abd")
    assert not holds(key, signature[:-1], b"abc")


@pytest.mark.parametrize("name", ["P-224", "secp256k1", "brainpool", "RSA-1024"])
def test_weak_and_unusual_keys_are_refused(name: str) -> None:
    with pytest.raises(BadKeyError, match="at least 2048"):
        load_public_key(weak_keys()[name])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a key",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        Key().pem + Key().pem,
        "x" + Key().pem,
        Key().pem + " " * 10_000 + "x",
    ],
)
def test_what_is_not_one_public_key_is_refused(text: str) -> None:
    with pytest.raises(BadKeyError):
        load_public_key(text)


def test_a_fingerprint_tells_keys_apart() -> None:
    first, second = load_public_key(Key().pem), load_public_key(Key().pem)
    assert fingerprint(first).startswith("sha256:")
    assert fingerprint(first) != fingerprint(second)
