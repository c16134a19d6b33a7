"""Digests are matched whole and checked by running hash."""

from __future__ import annotations

import pytest

from oci.errors import OciError
from oci.spec.digest import digest_of, is_digest, parse_digest

SHA256 = "sha256:" + "0a" * 32
SHA512 = "sha512:" + "0a" * 64


def test_both_algorithms_are_known() -> None:
    assert parse_digest(SHA256) == ("sha256", "0a" * 32)
    assert parse_digest(SHA512) == ("sha512", "0a" * 64)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "sha256:../../x",
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "sha256:" + "\u0661" * 64,
        "SHA256:" + "a" * 64,
        "sha512:" + "a" * 64,
        "sha384:" + "a" * 96,
        "md5:" + "a" * 32,
        SHA256 + "\n",
        " " + SHA256,
        SHA256 + "/../../etc",
        SHA256 + "?x",
        7,
        None,
        b"sha256:" + b"a" * 64,
    ],
)
def test_anything_else_is_none(text: object) -> None:
    assert not is_digest(text)
    if isinstance(text, str):
        with pytest.raises(OciError, match="malformed digest"):
            parse_digest(text)


def test_a_hash_of_an_unknown_algorithm_is_not_made() -> None:
    with pytest.raises(ValueError, match="md5"):
        digest_of(b"", algorithm="md5")
