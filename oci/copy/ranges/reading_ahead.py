"""What brings the parts of one blob ahead of its reader: threads, each with a connection of its own, as many as help.

A part whose connection breaks is resumed from its own offset while bytes come. An answer that is not exactly the range
that was asked for, or one that asks to slow down, ends the ranges of the whole import.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Final

from oci.cancel import CancelToken
from oci.copy.ranges.pieces import Piece, Pieces
from oci.copy.ranges.ramp import Ramp
from oci.errors import Canceled, OciError
from oci.limits import (
    CANCEL_POLL_SECONDS,
    MIN_PIECE_BYTES,
    NEAR_RANGED_BYTES,
    RANGED_BYTES,
    SOURCE_CONNECTIONS,
)
from oci.memory import ReadAhead
from oci.registry.blobs import BlobStream, NoRangesError, Span
from oci.registry.connections import HostConnections, LocalConnections
from oci.registry.faults import RetryableError
from oci.registry.retry import PROGRESS_BYTES
from oci.registry.source import SendsRanges
from oci.spec.manifest import Descriptor

log: Final = logging.getLogger(__name__)


@dataclass
class SharedReading:
    """What the blobs of one import share.

    :param most: connections for one blob; 1 reads each over one connection.
    """

    memory: ReadAhead = field(default_factory=ReadAhead)
    connections: HostConnections = field(default_factory=LocalConnections)
    most: int = SOURCE_CONNECTIONS
    #: The source does not send ranges, or said that they are too many.
    is_off: bool = field(default=False, init=False)
    #: Bytes of all blobs so far.
    total: int = field(default=0, init=False)
    #: So many connections have helped one of them.
    helped: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def came(self, count: int) -> int:
        """``count`` bytes more; how many there are."""
        with self._lock:
            self.total += count
            return self.total


class Fetchers:
    """The threads of one blob. ``changed`` guards everything; the reader of the blob holds it while it looks.

    :param on_connections: told how many connections bring the blob, whenever that changes.
    """

    def __init__(
        self,
        source: SendsRanges,
        blob: Descriptor,
        shared: SharedReading,
        *,
        cancel: CancelToken,
        on_connections: Callable[[int], None],
    ) -> None:
        self._source = source
        self._blob = blob
        self._shared = shared
        self._cancel = cancel
        self._on_connections = on_connections
        self._is_far = False
        self._ramp = Ramp(1, 0.0)
        self._members: dict[threading.Thread, CancelToken] = {}
        self._working: set[object] = set()
        self._etags: dict[str, str] = {}
        self._told = 0
        self.changed = threading.Condition()
        self.pieces = Pieces(blob.size, shared.memory)
        self.received = 0
        #: The reader has a connection of its own, and where it is.
        self.reader_reads = False
        self.position = 0
        #: How far the reader's own connection may bring it by what it reads just now.
        self.reads_to = 0
        #: There is no memory for a part that the reader needs.
        self.is_starved = False
        #: Seconds that the reader has waited so far, and since when it waits now.
        self.waited = 0.0
        self.waits_since: float | None = None
        self.defect: BaseException | None = None

    # --- for the reader, which holds ``changed`` ---------------------------------------------------------------

    @property
    def is_at_work(self) -> bool:
        """Whether what is missing will be brought without the reader."""
        return bool(self._members) and self._wanted > 0 and not self.is_starved

    def begin(self, position: int, *, is_far: bool | None = None) -> None:
        """The reader is at ``position``: measure again how many help.

        :param is_far: whether the source answered late; None where it was not asked.
        """
        self.position = self.reads_to = position
        self._is_far = self._is_far if is_far is None else is_far
        least = RANGED_BYTES if self._is_far else NEAR_RANGED_BYTES
        has_parts = self._blob.size >= least and self._shared.memory.most and not self._shared.is_off
        most = self._shared.most if has_parts else 1
        self._ramp = Ramp(most, time.monotonic(), first=self._shared.helped, is_far=self._is_far)
        self._working.clear()
        if self._ramp.count > 1:
            self.adjust()

    def came(self, count: int, by: object) -> None:
        """``count`` bytes more, ``by`` one of the connections."""
        self.received += count
        self._working.add(by)
        now, before = time.monotonic(), self._ramp.count
        wanted = self._ramp.look(
            now,
            received=self.received,
            total=self._shared.came(count),
            left=self.pieces.left if self._members else self._blob.size - self.position,
            working=len(self._working),
            waited=self.waited + (now - self.waits_since if self.waits_since is not None else 0.0),
        )
        self._shared.helped = max(self._shared.helped, self._ramp.proven)
        if wanted != before:
            self._working.clear()
            self.adjust()

    def adjust(self) -> None:
        """Begin members that are missing; those that are too many end by themselves."""
        if self._wanted and not self._members and not self.pieces:
            # What the first connection brings until the others have begun is its own part.
            self.pieces.restart(self.position)
            self.pieces.restart(self.position + self.pieces.share(self._ramp.count))
        # No more than there are parts to bring.
        while len(self._members) < min(self._wanted, -(-self.pieces.left // MIN_PIECE_BYTES)):
            if not self._shared.connections.begin(self._source.host):
                self._cap()
                break
            token = self._cancel.child()
            member = threading.Thread(
                target=copy_context().run, args=(self._work, token), name="reading ahead", daemon=True
            )
            self._members[member] = token
            member.start()
        self.tell()

    def tell(self) -> None:
        """How many connections there are now."""
        now = len(self._members) + self.reader_reads
        if now and now != self._told:
            self._told = now
            self._on_connections(now)

    def is_same(self, stream: BlobStream) -> bool:
        """Whether a host still calls the blob's bytes by the name that it gave them first."""
        etag = stream.etag if not stream.etag.startswith("W/") else ""
        return not etag or self._etags.setdefault(stream.host, etag) == etag

    def turn_off(self, why: object) -> None:
        """No ranges anymore in this import; what is on its way may come."""
        if not self._shared.is_off:
            log.info("%s is read over one connection: %s", self._source.host, why)
        self._shared.is_off = True
        self._ramp = Ramp(1, 0.0)

    # --- for the reader, which does not hold it ------------------------------------------------------------------

    def close(self) -> None:
        """End all members; what they brought stays."""
        with self.changed:
            self._ramp = Ramp(1, 0.0)
            members = dict(self._members)
            self.changed.notify_all()
        for token in members.values():
            token.cancel("closed")
        for member in members:
            member.join()

    # --- the members -------------------------------------------------------------------------------------------

    @property
    def _wanted(self) -> int:
        """A single connection is the reader's own."""
        return 0 if self._ramp.count == 1 else self._ramp.count - self.reader_reads

    def _cap(self) -> None:
        """There are no more to be had."""
        self._ramp.end(len(self._members) + self.reader_reads)

    def _work(self, token: CancelToken) -> None:
        try:
            while (piece := self._claim(token)) is not None:
                if not self._bring(piece):
                    break
        except Canceled:
            log.debug("reading ahead ended")
        except BaseException as error:  # noqa: BLE001 - raised again by the reader
            self.defect = error
        finally:
            with self.changed:
                self._members.pop(threading.current_thread(), None)
                self.tell()
                self.changed.notify_all()
            self._shared.connections.end(self._source.host)

    def _claim(self, token: CancelToken) -> Piece | None:
        """The next part to bring; None where there is none, or this member is one too many."""
        with self.changed:
            while True:
                token.check()
                if len(self._members) > self._wanted:
                    return None
                if len(self._members) > 1 and self._shared.connections.gives_back(self._source.host):
                    self._ramp.end(max(1, len(self._members) - 1 + self.reader_reads))
                    return None
                if not self.pieces:
                    lead = self.position + self.pieces.share(self._ramp.count) if self.reader_reads else 0
                    lead = min(max(lead, self.reads_to), self._blob.size)
                    self.pieces.restart(max(self.pieces.frontier, lead))
                piece = self.pieces.claim(token.child(), self._ramp.count)
                self.is_starved = piece is None and self.pieces.left > 0 and not self.pieces
                if piece is not None or not self.pieces.left:
                    return piece
                self.changed.notify_all()
                self.changed.wait(CANCEL_POLL_SECONDS)

    def _bring(self, piece: Piece) -> bool:
        """Until the part is whole; False where this member gives up. The part is then anyone's."""
        owner, tried_at_once = piece.owner, False
        assert owner is not None
        while True:
            before = piece.filled
            try:
                self._read(piece, owner)
                return True
            except NoRangesError as answer:
                self._let_go(piece, off=answer)
            except RetryableError as again:
                asked_to_wait = again.limited or again.retry_after is not None
                if piece.filled - before >= PROGRESS_BYTES and not asked_to_wait:
                    continue
                if again.at_once and not tried_at_once:
                    tried_at_once = True
                    continue
                if asked_to_wait:
                    self._shared.connections.refused(self._source.host)
                self._let_go(piece, off=again.error if asked_to_wait else None)
            except OciError as error:
                log.info("a part of %s does not come: %s", self._blob.digest, error)
                self._let_go(piece)
            except Canceled:
                self._let_go(piece, capped=False)
                return True  # Late, or the end of all: the next claim tells.
            return False

    def _read(self, piece: Piece, owner: CancelToken) -> None:
        span = Span(piece.start + piece.filled, piece.end, self._blob.size)
        stream = self._source.open_range(self._blob.digest, span, owner)
        try:
            with self.changed:
                if not self.is_same(stream):
                    raise NoRangesError(f"{stream.host} has other bytes under {self._blob.digest} by now")
            view = memoryview(piece.allocated())
            while not piece.is_whole:
                count = stream.readinto(view[piece.filled :])
                if not count:
                    raise NoRangesError(f"{stream.host} sent less than it said")
                with self.changed:
                    piece.filled += count
                    self.came(count, threading.current_thread())
                    self.changed.notify_all()
            if stream.length is None and stream.readinto(memoryview(bytearray(1))):
                raise NoRangesError(f"{stream.host} sent more than it was asked for")
        except BaseException:
            stream.close()
            raise

    def _let_go(self, piece: Piece, *, off: object = None, capped: bool = True) -> None:
        with self.changed:
            piece.owner = None
            if off is not None:
                self.turn_off(off)
            elif capped:
                self._ramp.end(max(1, len(self._members) - 1 + self.reader_reads))
            self.changed.notify_all()
