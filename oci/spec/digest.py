"""Content digests: ``sha256:`` and ``sha512:`` with lower-case hexadecimal digits, nothing else.

A digest enters URLs and file names, so it is matched whole and ASCII-only before anything is done with it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from oci.errors import OciError, gettext_noop

#: Hexadecimal digits of each algorithm that the image specification registers and that we can compute.
HEX_CHARS: Final = {"sha256": 64, "sha512": 128}

#: What the hash reads without copying.
Buffer = bytes | bytearray | memoryview

_DIGEST: Final = re.compile(r"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})", re.ASCII)


def is_digest(text: object) -> bool:
    """Whether ``text`` is a whole, well-formed digest of a known algorithm."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def parse_digest(text: str) -> tuple[str, str]:
    """Split a digest into algorithm and hexadecimal digits.

    :raises OciError: ``protocol_error``; callers that read users' text or manifests say it in their own
        words.
    """
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise OciError("protocol_error", gettext_noop("The registry sent a malformed digest."))
    algorithm, digits, algorithm_512, digits_512 = match.groups()
    return (algorithm or algorithm_512, digits or digits_512)


def digest_of(content: Buffer, *, algorithm: str = "sha256") -> str:
    """The digest of bytes in memory."""
    if algorithm not in HEX_CHARS:
        message = f"unknown digest algorithm {algorithm!r}"
        raise ValueError(message)
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
