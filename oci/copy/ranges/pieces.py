"""The parts of one blob that are ahead of its reader: in order, in memory, each brought by one connection at a time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from oci.cancel import CancelToken
from oci.limits import MAX_PIECE_BYTES, MIN_PIECE_BYTES
from oci.memory import ReadAhead


@dataclass(eq=False, slots=True)
class Piece:
    """Bytes ``start`` to ``end`` of a blob, the first ``filled`` of them in ``buffer``.

    :param owner: ends the request that brings it; None while no one does.
    """

    start: int
    size: int
    buffer: bytearray = field(default_factory=bytearray)
    filled: int = 0
    owner: CancelToken | None = None
    #: How often it was taken from a connection that lagged.
    rescues: int = 0

    @property
    def end(self) -> int:
        return self.start + self.size

    @property
    def is_whole(self) -> bool:
        return self.filled == self.size

    def allocated(self) -> bytearray:
        """The buffer, made once there is something for it: a source may not send ranges at all."""
        if not self.buffer:
            self.buffer = bytearray(self.size)
        return self.buffer


class Pieces:
    """Belongs to one blob of ``size`` bytes; its caller locks. What it holds counts in ``memory``."""

    def __init__(self, size: int, memory: ReadAhead) -> None:
        self._size = size
        self._memory = memory
        self._pieces: deque[Piece] = deque()
        #: Where the next piece begins.
        self.frontier = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def left(self) -> int:
        """Bytes that no piece has."""
        return self._size - self.frontier

    @property
    def head(self) -> Piece | None:
        """The first, which the reader needs next."""
        return self._pieces[0] if self._pieces else None

    @property
    def begin(self) -> int:
        """Where the first one begins; the end of the blob where there is none."""
        return self._pieces[0].start if self._pieces else self._size

    def share(self, connections: int) -> int:
        """Bytes for one request: less towards the end, so that all connections end together."""
        return min(self.left, max(MIN_PIECE_BYTES, min(MAX_PIECE_BYTES, self.left // (2 * connections))))

    def claim(self, owner: CancelToken, connections: int) -> Piece | None:
        """The first that no one brings, else a new one; None where there is nothing left or no memory for it."""
        for piece in self._pieces:
            if piece.owner is None and not piece.is_whole:
                piece.owner = owner
                return piece
        count = self.share(connections)
        if count <= 0 or not self._memory.take(count):
            return None
        piece = Piece(self.frontier, count, owner=owner)
        self._pieces.append(piece)
        self.frontier += count
        return piece

    def take(self, position: int, view: memoryview) -> int:
        """Fill ``view`` from ``position`` on, as far as the first piece has come; a piece that was read is let go."""
        piece = self._pieces[0]
        at = position - piece.start
        count = min(view.nbytes, piece.filled - at)
        view[:count] = memoryview(piece.buffer)[at : at + count]
        if at + count == piece.size:
            self.drop_head()
        return count

    def drop_head(self) -> None:
        """Forget the first."""
        self._memory.give(self._pieces.popleft().size)

    def restart(self, frontier: int) -> None:
        """Forget all; the next piece begins at ``frontier``."""
        while self._pieces:
            self.drop_head()
        self.frontier = frontier
