"""Secrets that an installation makes for itself, kept under ``DATA_DIR/secrets``, one file each, mode 0600.

Several processes may start at the same moment on an empty data directory: the first to put its file in place wins, and
all others read that file. Nothing here knows Django, so that settings and the runner of ``make run`` can both use it.
"""

from __future__ import annotations

import base64
import datetime
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN_KEY = "token_service.key"
TOKEN_CERTIFICATE = "token_service.crt"
CERTIFICATE_DAYS = 20 * 365


def secrets_dir(data_dir: Path) -> Path:
    """The directory of the secrets, made with mode 0700 where it is missing."""
    path = data_dir / "secrets"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def ensure_secret(data_dir: Path, name: str, factory: Callable[[], str]) -> str:
    """The secret called ``name``; made by ``factory`` and stored if there is none yet.

    The file appears whole or not at all, and never changes once it is there.

    :raises OSError: the directory can't be written, or the file can't be read.
    """
    path = secrets_dir(data_dir) / name
    try:
        return _read(path)
    except FileNotFoundError:
        _publish(path, factory())
        return _read(path)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


def _publish(path: Path, value: str) -> None:
    """Write beside, then link: linking fails where another process was first, and no reader sees half a file."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(value.rstrip("\n") + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process made it first; its secret is the one that counts
    finally:
        draft.unlink()


def secret_key() -> str:
    """A new ``SECRET_KEY`` for Django."""
    return secrets.token_urlsafe(50)


def cryptography_key() -> str:
    """A new key for stored credentials: 32 bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def bearer_secret() -> str:
    """A new secret that one service shows to another."""
    return secrets.token_urlsafe(32)


def notification_token(data_dir: Path) -> str:
    """What the registry shows to the portal when it reports a push."""
    return ensure_secret(data_dir, "notification_token", bearer_secret)


def registry_http_secret(data_dir: Path) -> str:
    """What the registry signs its upload sessions with."""
    return ensure_secret(data_dir, "registry_http_secret", bearer_secret)


def redis_password(data_dir: Path) -> str:
    """The password of the embedded Redis."""
    return ensure_secret(data_dir, "redis_password", bearer_secret)


def token_service_pair(data_dir: Path) -> tuple[str, str]:
    """Key and certificate (both PEM) that registry tokens are signed with and checked against.

    The certificate is made from the stored key, so that two processes which race still end with a pair that fits.
    """
    key = ensure_secret(data_dir, TOKEN_KEY, _new_key)
    return key, ensure_secret(data_dir, TOKEN_CERTIFICATE, lambda: _self_signed(key))


def _new_key() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode("ascii")
    )


def _self_signed(key_pem: str) -> str:
    key = serialization.load_pem_private_key(key_pem.encode("ascii"), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{TOKEN_KEY} must hold an elliptic-curve private key.")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry-portal token service")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
