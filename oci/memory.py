"""How much memory the documents of one import take (manifests, configurations, lists), and what it reads ahead.

Each is bounded by itself (:mod:`oci.limits`), but a registry can name a thousand of them, and a document in memory is
several times its bytes: read in pieces, put together, decoded, parsed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, TypeVar

from oci.errors import OciError, gettext_noop
from oci.limits import DOCUMENTS_COST, LARGE_DOCUMENT_BYTES, READ_AHEAD_BYTES

T = TypeVar("T", bound=Exception)

_TOO_MUCH: Final = gettext_noop(
    "The manifests of the image would take more than %(limit)d bytes of memory in total."
)
#: What one value of a JSON text takes once it is an object of ours, bytes.
_VALUE_BYTES: Final = 200


def cost_of(body: bytes) -> int:
    """Bytes of memory that a parsed JSON document is worth: its text, and an object for each of its values."""
    values = body.count(b",") + body.count(b"{") + body.count(b"[")
    return 2 * len(body) + _VALUE_BYTES * values


def bare(error: T) -> T:
    """``error`` without the frames that it went through: they would keep the document that it is about."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


class MemoryBudget:
    """Shared by all clients of one import attempt. Thread-safe."""

    def __init__(self, most: int = DOCUMENTS_COST) -> None:
        self._most = most
        self._held = 0
        self._lock = threading.Lock()
        self._large = threading.Lock()

    def reserve(self, cost: int) -> None:
        """Count what is kept until the import ends.

        :raises OciError: ``limit_exceeded``: it is too much together.
        """
        with self._lock:
            if self._held + cost > self._most:
                raise self._too_much()
            self._held += cost

    def check(self, cost: int, *, is_kept: bool) -> None:
        """Whether a text may be parsed; ``is_kept``: it will be held beside all that is, and not only compared.

        :raises OciError: ``limit_exceeded``.
        """
        with self._lock:
            if cost + (self._held if is_kept else 0) > self._most:
                raise self._too_much()

    def _too_much(self) -> OciError:
        return OciError("limit_exceeded", _TOO_MUCH, limit=self._most)

    @contextmanager
    def reading(self, *, is_kept: bool) -> Iterator[Callable[[int], None]]:
        """While a document is read and parsed: gives what is to be told how many bytes of it came, time and again.

        Documents beyond :data:`oci.limits.LARGE_DOCUMENT_BYTES` come one at a time, and end where they would be too
        much.

        :raises OciError: ``limit_exceeded``, from what is given.
        """
        with ExitStack() as alone:
            is_alone = False

            def came(total: int) -> None:
                nonlocal is_alone
                if total > LARGE_DOCUMENT_BYTES and not is_alone:
                    alone.enter_context(self._large)
                    is_alone = True
                self.check(2 * total, is_kept=is_kept)

            yield came


class ReadAhead:
    """Bytes of blobs that one import may hold in memory ahead of the target. Thread-safe; shared by all its blobs."""

    def __init__(self, most: int = READ_AHEAD_BYTES) -> None:
        self.most = most
        self._held = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Whether ``count`` bytes more may be held; they are counted until :meth:`give`."""
        with self._lock:
            if self._held + count > self.most:
                return False
            self._held += count
            return True

    def give(self, count: int) -> None:
        """``count`` bytes are held no more."""
        with self._lock:
            self._held -= count
