"""Secrets that an installation makes for itself: once, whole, and for nobody else."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from registry_portal import secrets_store
from registry_portal.secrets_store import ensure_secret, token_service_pair


def test_of_many_that_make_it_at_once_one_counts_for_all(tmp_path: Path) -> None:
    together = Barrier(8)

    def make(number: int) -> str:
        def factory() -> str:
            together.wait(60)
            return f"made by {number}"

        return ensure_secret(tmp_path, "canary", factory)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(make, range(8)))
    assert len(found) == 1
    assert ensure_secret(tmp_path, "canary", lambda: "made anew") in found
    (file,) = (tmp_path / "secrets").iterdir()
    assert file.name == "canary", "no draft is left"


def test_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    kept = os.umask(0)
    try:
        secrets_store.redis_password(tmp_path)
    finally:
        os.umask(kept)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "secrets/redis_password").stat().st_mode) == 0o600


def test_a_lost_certificate_is_made_from_the_key_that_is_there(tmp_path: Path) -> None:
    key, first = token_service_pair(tmp_path)
    (tmp_path / "secrets" / secrets_store.TOKEN_CERTIFICATE).unlink()
    again, second = token_service_pair(tmp_path)
    assert (again, second != first) == (key, True)
    private = serialization.load_pem_private_key(key.encode(), password=None)
    assert x509.load_pem_x509_certificate(second.encode()).public_key() == private.public_key()
