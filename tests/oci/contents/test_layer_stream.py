"""Layers without their compression."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest
import zstandard

from oci.contents import layer_stream
from oci.contents.layer_stream import expand
from oci.errors import OciError

TEXT = bytes(range(256)) * 5000


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


@pytest.mark.parametrize("size", [1000, 65_536])
@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:]),
        gzip.compress(TEXT) + bytes(600),
        zstd(TEXT),
        zstd(TEXT[:1000]) + zstd(TEXT[1000:]),
    ],
    ids=["plain", "gzip", "two members", "padded", "zstd", "two frames"],
)
def test_each_compression_gives_the_bytes(content: bytes, size: int) -> None:
    assert b"".join(expand(pieces(content, size))) == TEXT


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT)[:-20],
        gzip.compress(TEXT)[:50] + b"x" * 500,
        gzip.compress(TEXT) + b"more",
        zstd(TEXT)[:9] + b"y" * 90,
    ],
    ids=["cut", "changed", "followed", "changed zstd"],
)
def test_what_is_damaged_is_refused(content: bytes) -> None:
    with pytest.raises(OciError) as caught:
        b"".join(expand(pieces(content, 100)))
    assert caught.value.code == "unsupported_manifest"


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_is_refused_piece_by_piece(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_stream, "LAYER_SLACK_BYTES", 1024 * 1024)
    zeros = bytes(64 * 1024 * 1024)
    content = zlib.compress(zeros, wbits=31) if kind == "gzip" else zstd(zeros)
    largest = 0
    with pytest.raises(OciError) as caught:
        for piece in expand(pieces(content, 65_536)):
            largest = max(largest, len(piece))
    assert caught.value.code == "limit_exceeded"
    assert largest <= 256 * 1024
