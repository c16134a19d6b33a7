"""The registry's tokens, read as a registry reads them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import time

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from projects.token_service.tokens import LIFETIME, Access, fingerprint, mint, signer_of


def pair(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> tuple[str, str]:
    """Key and self-signed certificate in PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


EC_PAIR = pair(ec.generate_private_key(ec.SECP256R1()))
RSA_PAIR = pair(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (EC_PAIR, "ES256"),
        (pair(ec.generate_private_key(ec.SECP384R1())), "ES384"),
        (pair(ec.generate_private_key(ec.SECP521R1())), "ES512"),
        (RSA_PAIR, "RS256"),
    ],
)
def test_a_token_is_verified_by_the_certificate_that_it_brings(
    key: tuple[str, str], algorithm: str, settings: object
) -> None:
    settings.TOKEN_SERVICE_KEY, settings.TOKEN_SERVICE_CERTIFICATE = key  # type: ignore[attr-defined]
    token = mint(subject="ann", access=[Access("repository", "a/b", ("pull",))]).text
    header = jwt.get_unverified_header(token)
    certificate = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    assert header["alg"] == algorithm
    assert certificate == x509.load_pem_x509_certificate(key[1].encode())
    claims = jwt.decode(
        token,
        certificate.public_key(),  # type: ignore[arg-type]
        [algorithm],
        audience="registry-portal",
        issuer="registry-portal",
    )
    assert claims["access"] == [{"type": "repository", "name": "a/b", "actions": ["pull"]}]
    assert claims["sub"] == "ann"
    assert claims["exp"] - claims["iat"] == LIFETIME
    assert claims["nbf"] <= time.time() < claims["exp"]


def test_the_key_id_is_libtrusts() -> None:
    kid = jwt.get_unverified_header(mint(subject="", access=[]).text)["kid"]
    public = x509.load_pem_x509_certificate(settings.TOKEN_SERVICE_CERTIFICATE.encode()).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert kid == fingerprint(der)
    assert [len(group) for group in kid.split(":")] == [4] * 12
    assert base64.b32decode(kid.replace(":", "")) == hashlib.sha256(der).digest()[:30]


def test_what_has_no_actions_is_left_out() -> None:
    token = mint(subject="", access=[Access("repository", "a/b", ())]).text
    assert jwt.decode(token, options={"verify_signature": False})["access"] == []


def test_no_two_tokens_are_the_same() -> None:
    assert mint(subject="", access=[]).text != mint(subject="", access=[]).text


@pytest.mark.parametrize(
    ("key", "certificate"),
    [
        ("", ""),
        (EC_PAIR[0], ""),
        ("", EC_PAIR[1]),
        ("rubbish", EC_PAIR[1]),
        (EC_PAIR[0], "rubbish"),
        (EC_PAIR[0], RSA_PAIR[1]),
        (pair(ec.generate_private_key(ec.SECP256K1())) if hasattr(ec, "SECP256K1") else ("", "")),
    ],
)
def test_a_pair_that_no_registry_takes_is_refused_in_words(key: str, certificate: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TOKEN_SERVICE"):
        signer_of(key, certificate)


def test_a_key_of_another_kind_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ImproperlyConfigured, match="RSA or an elliptic-curve"):
        signer_of(key.decode(), EC_PAIR[1])
