"""Tokens that the private registry trusts: JSON Web Tokens signed with the installation's own key.

Made as Distribution 2.8 and 3 read them (distribution/docs/spec/auth/jwt.md): ``kid`` is the libtrust fingerprint of
the key, and ``x5c`` brings the certificate that the registry knows as its ``rootcertbundle``.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

#: Seconds that a token is good for.
LIFETIME: Final = 300
#: The clocks of portal and registry may differ by so much, seconds.
SKEW: Final = 10
#: Who the portal itself is at its registry. No person can have this name: ``$`` is in none.
PORTAL: Final = "portal$"
#: Who scanners are there that look at images for it.
SCANNER: Final = "scanner$"
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


@dataclass(frozen=True, slots=True)
class Access:
    """Actions on one thing: ``repository``, ``library/nginx``, ``("pull", "push")``."""

    type: str
    name: str
    actions: tuple[str, ...]

    def claim(self) -> dict[str, Any]:
        return {"type": self.type, "name": self.name, "actions": list(self.actions)}


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, and when it was made (Unix seconds)."""

    text: str
    issued_at: int


@dataclass(frozen=True)
class Signer:
    """The private key with what its tokens' headers say."""

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    algorithm: str
    header: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says: whom it is for, and what that one may."""

    subject: str
    access: tuple[Access, ...]
    #: Given for an API token that may only read.
    reads_only: bool

    def may_pull(self, name: str) -> bool:
        return any(
            each.type == "repository" and each.name == name and "pull" in each.actions for each in self.access
        )


def mint(
    *, subject: str, access: Iterable[Access], reads_only: bool = False, seconds: int = LIFETIME
) -> Minted:
    """A token for ``subject`` with exactly this access; things without actions are left out.

    :param reads_only: it is given for an API token that may only read. The registry does not look at it; the portal
        does, where a pull would start an import.
    :param seconds: that it is good for. Garbage collection waits for tokens that push; those have no more than
        :data:`LIFETIME`.
    :raises ImproperlyConfigured: key and certificate can't be used.
    """
    signer = signer_of(settings.TOKEN_SERVICE_KEY, settings.TOKEN_SERVICE_CERTIFICATE)
    now = int(time.time())
    claims = {
        "iss": settings.TOKEN_SERVICE_ISSUER,
        "sub": subject,
        "aud": settings.TOKEN_SERVICE_NAME,
        "exp": now + seconds,
        "nbf": now - SKEW,
        "iat": now,
        "jti": secrets.token_hex(16),
        "access": [each.claim() for each in access if each.actions],
        **({"reads_only": True} if reads_only else {}),
    }
    return Minted(jwt.encode(claims, signer.key, signer.algorithm, headers=dict(signer.header)), now)


def read(text: str) -> Claims | None:
    """What a token says that is ours, for this registry, and in force; None for any other."""
    signer = signer_of(settings.TOKEN_SERVICE_KEY, settings.TOKEN_SERVICE_CERTIFICATE)
    try:
        claims = jwt.decode(
            text,
            signer.key.public_key(),
            [signer.algorithm],
            audience=settings.TOKEN_SERVICE_NAME,
            issuer=settings.TOKEN_SERVICE_ISSUER,
            options={"require": ["exp", "nbf", "aud", "iss", "sub"]},
        )
    except jwt.InvalidTokenError:
        return None
    # Signed by us: what it holds has the form that `mint` gave it.
    access = tuple(
        Access(each["type"], each["name"], tuple(each["actions"])) for each in claims.get("access", ())
    )
    return Claims(claims["sub"], access, bool(claims.get("reads_only")))


@lru_cache(maxsize=4)
def signer_of(key_pem: str, certificate_pem: str) -> Signer:
    """The signer of a key and its certificate chain, both PEM.

    :raises ImproperlyConfigured: they are missing, not readable, no pair, or of a kind that registries do not take.
    """
    if not key_pem or not certificate_pem:
        raise ImproperlyConfigured("TOKEN_SERVICE_KEY and TOKEN_SERVICE_CERTIFICATE must be set together.")
    try:
        key = load_pem_private_key(key_pem.encode(), password=None)
        chain = x509.load_pem_x509_certificates(certificate_pem.encode())
    except (ValueError, TypeError) as exc:
        raise ImproperlyConfigured(
            f"TOKEN_SERVICE_KEY or TOKEN_SERVICE_CERTIFICATE can't be read: {exc}"
        ) from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise ImproperlyConfigured("TOKEN_SERVICE_KEY must be an RSA or an elliptic-curve key.")
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else _CURVES.get(key.curve.name)
    if algorithm is None:
        raise ImproperlyConfigured("TOKEN_SERVICE_KEY must be on one of the curves P-256, P-384 and P-521.")
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public:
        raise ImproperlyConfigured("TOKEN_SERVICE_CERTIFICATE is not the certificate of TOKEN_SERVICE_KEY.")
    encoded = [base64.b64encode(each.public_bytes(Encoding.DER)).decode("ascii") for each in chain]
    return Signer(key, algorithm, {"kid": fingerprint(public), "x5c": encoded})


def fingerprint(public_der: bytes) -> str:
    """libtrust's key id: the first 240 bits of SHA-256 over the public key's DER, in base32, twelve groups of four."""
    text = base64.b32encode(hashlib.sha256(public_der).digest()[:30]).decode("ascii")
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))
