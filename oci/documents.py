"""How much memory the documents of one import take: manifests, configurations, lists.

Each is bounded by itself (:mod:`oci.limits`), but a registry can name a thousand of them, and a document in memory is
several times its bytes: read in pieces, put together, decoded, parsed.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.limits import DOCUMENTS_WEIGHT

_TOO_MUCH: Final = gettext_noop(
    "The manifests of the image would take more than %(limit)d bytes of memory together."
)
#: What one value of a JSON text takes once it is an object of ours, bytes.
_VALUE_BYTES: Final = 200


def weight_of(body: bytes) -> int:
    """Bytes of memory that a parsed JSON document is worth: its text, and an object for each of its values."""
    values = body.count(b",") + body.count(b"{") + body.count(b"[")
    return 2 * len(body) + _VALUE_BYTES * values


class Documents:
    """Shared by all clients of one import attempt. Thread-safe."""

    def __init__(self, most: int = DOCUMENTS_WEIGHT) -> None:
        self._most = most
        self._held = 0
        self._lock = threading.Lock()
        self._large = threading.Lock()

    def hold(self, weight: int) -> None:
        """Count what is kept until the import ends.

        :raises OciError: ``limit_exceeded``: it is too much together.
        """
        with self._lock:
            self._check(weight)
            self._held += weight

    def check(self, weight: int) -> None:
        """Whether there is room, before a text is parsed.

        :raises OciError: ``limit_exceeded``.
        """
        with self._lock:
            self._check(weight)

    def _check(self, weight: int) -> None:
        if self._held + weight > self._most:
            raise OciError("limit_exceeded", _TOO_MUCH, limit=self._most)

    def large(self) -> AbstractContextManager[object]:
        """While a document beyond :data:`oci.limits.LARGE_DOCUMENT_BYTES` is read and parsed: one at a time."""
        return self._large
