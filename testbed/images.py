"""Images of noise, of any size and all different: what tests and benchmarks copy.

Deterministic: the same arguments give the same bytes, so the same digests.
"""

from __future__ import annotations

import hashlib
import random
import struct
import tarfile
import zlib
from collections.abc import Sequence

from stack.sample import OCI_LAYER_GZIP, Blob, Image, Layer, image_of

TAR_BLOCK = 512
#: Bytes that a stored block of deflate can hold.
STORED_BLOCK = 65_535
#: Its type and end bit, its length and the complement of that.
_STORED_HEADER = struct.Struct("<BHH")
#: Deflate, a comment follows; no time, no system: the same bytes everywhere.
_GZIP_HEADER = bytes([0x1F, 0x8B, 8, 0x10, 0, 0, 0, 0, 0, 255])
#: CRC-32 and length of what was compressed.
_GZIP_TRAILER = struct.Struct("<II")


def random_image(sizes: Sequence[int], *, seed: int = 1, platform: str = "linux/amd64") -> Image:
    """An image with layers of these sizes in bytes, unlike that of any other seed."""
    layers = [random_layer(size, seed=seed * 1000 + number) for number, size in enumerate(sizes)]
    return image_of(layers, platform=platform)


def random_layer(size: int, *, seed: int) -> Layer:
    """A compressed layer of exactly ``size`` bytes (at least 2.5 KiB) with noise in one file.

    Compressed, since layers are and some tools compress what is not; in stored blocks, since noise does not shrink.
    """
    room = max(size, 5 * TAR_BLOCK)
    blocks = -(-room // STORED_BLOCK)
    # A byte of the comment's end, and as much comment as it takes to come out at the size.
    room -= len(_GZIP_HEADER) + 1 + blocks * _STORED_HEADER.size + _GZIP_TRAILER.size
    content = random.Random(seed).randbytes((room // TAR_BLOCK - 3) * TAR_BLOCK)
    header = tarfile.TarInfo(f"noise-{seed}")
    header.size, header.mode = len(content), 0o644
    tar = header.tobuf(tarfile.USTAR_FORMAT) + content + bytes(2 * TAR_BLOCK)
    return Layer(Blob(OCI_LAYER_GZIP, _stored(tar, blocks=blocks, comment=room - len(tar))), _sha256(tar))


def _stored(data: bytes, *, blocks: int, comment: int) -> bytes:
    """gzip (RFC 1952) of stored deflate blocks (RFC 1951, 3.2.4), the last of which may be empty."""
    parts = [_GZIP_HEADER, b"." * comment, b"\0"]
    for number in range(blocks):
        block = data[number * STORED_BLOCK : (number + 1) * STORED_BLOCK]
        parts += [_STORED_HEADER.pack(number == blocks - 1, len(block), len(block) ^ 0xFFFF), block]
    return b"".join([*parts, _GZIP_TRAILER.pack(zlib.crc32(data), len(data) & 0xFFFFFFFF)])


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
