"""Reading the files of layers, in a worker, once for all images that have the layer.

The hint that a worker gets names an image; which of its layers want reading, the rows say. A worker that dies leaves a
claim that runs out, and the next hint, which comes with the next look at the page, finds it.
"""

from __future__ import annotations

import collections
import datetime as dt
import itertools
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from oci.contents.file_index import Record, sorted_records
from oci.contents.layer_stream import expand
from oci.contents.layer_tar import read_entries
from oci.errors import OciError
from oci.spec.manifest import Descriptor
from projects.contents.reading import Place, opened_place, read_image
from projects.locking import Leases
from projects.models import Image, ImageBlob, LayerIndex, LayerIndexPart
from projects.places import Busy, is_turn_of, one_at_a_time

log = structlog.get_logger(__name__)

#: Layers that are read at once, over all workers: imports have their places beside them.
MAX_AT_ONCE: Final = 2
#: A claim without progress ends after 120 seconds; each write of the progress renews it.
CLAIMS: Final = Leases("claimed_until", 120)
_TELL_SECONDS: Final = 1.0
#: What accounts take turns with.
_TURNS: Final = "layers"
#: What a part has at most: records, and bytes of their JSON.
_PART_RECORDS: Final = 1000
PART_BYTES: Final = 256 * 1024
#: Parts that are written at once.
_BATCH: Final = 20
#: How long a hint is not given again, and how long an index that no image needs is kept.
_HINT_SECONDS: Final = 5
KEPT: Final = dt.timedelta(days=1)
#: How long people are told why a layer could not be had, before a worker tries again.
FAULT_SECONDS: Final = 30


class Stopped(Exception):
    """The worker ends; another one reads the layer."""


#: Told of an image whose files someone wants, with the platform and who it is: a worker is to be woken.
when_wanted: list[Callable[[UUID, str, int | None], None]] = []


def ask(image: Image, reader: User | None, platform: str) -> None:
    """Ask for a worker to read the image's layers for ``reader``; at most once in some seconds."""
    user = reader.pk if reader else None
    if cache.add(f"files:{image.pk}:{image.digest}:{platform}:{user}", 1, _HINT_SECONDS):
        for tell in when_wanted:
            tell(image.pk, platform, user)


def index_image(image_id: UUID, platform: str, *, stop: Callable[[], bool], reader: int | None = None) -> int:
    """Read the files of an image's layers, as far as no one has or does; how many were read.

    For one account, one layer is read at a time, so another's finds a worker beside it. Where more wait, each layer is
    a turn: the next is that of the account that waits longest.

    :param reader: the id of the user who wants them; None: of someone in the project.
    """
    image = Image.objects.select_related("project").filter(pk=image_id).first()
    if image is None:
        return 0
    account = reader if reader is not None else str(image.project_id)
    read = 0
    with suppress(Busy), one_at_a_time(account, _TURNS) as renew, opened_place(image, None) as place:

        def goes_on() -> bool:
            renew()
            return not stop()

        layers = read_image(place, image.digest, platform).manifest.layers
        for layer in {each.digest: each for each in layers if not each.is_foreign}.values():
            row = _claim(layer.digest, account) if goes_on() else None
            if row is not None:
                _read(place, layer, row, lambda: not goes_on())
                read += 1
    return read


def _claim(digest: str, account: object) -> LayerIndex | None:
    """A row of the layer's that is this worker's alone, if the layer is to be read now, and for ``account``.

    A claim that ended is taken over with a new row: the worker that had it, and may be alive still, finds its own gone
    and ends.
    """
    now = timezone.now()
    reading = LayerIndex.objects.filter(state=LayerIndex.State.READING)
    if LayerIndex.objects.filter(digest=digest).exclude(pk__in=reading.filter(CLAIMS.is_free(now))).exists():
        return None
    if not is_turn_of(account, _TURNS, MAX_AT_ONCE - reading.filter(CLAIMS.is_held(now)).count()):
        return None
    try:
        with transaction.atomic():
            for row in reading.select_for_update().filter(CLAIMS.is_free(now), digest=digest):
                row.delete()
            return LayerIndex.objects.create(digest=digest, claimed_until=CLAIMS.until(now))
    except IntegrityError:
        return None


def _read(place: Place, layer: Descriptor, row: LayerIndex, stop: Callable[[], bool]) -> None:
    """Only what the layer itself is stays with its digest, for all projects: what a registry answers, or another
    manifest says of the layer, is of one repository and passes.
    """
    mine = LayerIndex.objects.filter(pk=row.pk, state=LayerIndex.State.READING)
    try:
        place.stream(layer, lambda chunks: _write(_Reading(row, stop), chunks))
    except Stopped:
        CLAIMS.give_back(mine)
    except _Refused as refused:
        error = refused.error
        log.warning("contents.layer_refused", digest=layer.digest, error=str(error))
        error_parts = {"template": error.template, "params": error.params}
        LayerIndexPart.objects.filter(index=row).delete()
        CLAIMS.give_back(mine, state=LayerIndex.State.FAILED, error=error_parts)
    except BaseException as error:
        CLAIMS.give_back(mine)
        if isinstance(error, OciError) and not error.retryable:
            error_parts = {"code": error.code, "template": error.template, "params": error.params}
            cache.set(_fault_key(place, layer), error_parts, FAULT_SECONDS)
        raise


def fault_of(place: Place, layer: Descriptor) -> OciError | None:
    """Why a worker could not get the layer from this repository lately."""
    error_parts = cache.get(_fault_key(place, layer))
    return (
        OciError(error_parts["code"], error_parts["template"], **error_parts["params"])
        if error_parts is not None
        else None
    )


def _fault_key(place: Place, layer: Descriptor) -> str:
    return f"{place.key(layer.digest)}:{layer.size}:fault"


class _Refused(Exception):
    """No program can read the layer, whose bytes are those that its digest names."""

    def __init__(self, error: OciError) -> None:
        super().__init__(error)
        self.error = error


class _Reading:
    """One try of a worker at one layer: keeps its claim while it gets on, and ends where the claim is another's."""

    def __init__(self, row: LayerIndex, stop: Callable[[], bool]) -> None:
        self.row = row
        #: All bytes came, and are those that the digest names.
        self.is_whole = False
        self._stop = stop
        self._done = 0
        self._last = time.monotonic()

    def counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._done += len(chunk)
            yield chunk
        self.is_whole = True

    def watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, for as long as this process may go on.

        :raises Stopped:
        """
        for piece in pieces:
            if time.monotonic() - self._last >= _TELL_SECONDS:
                self.tell(claimed_until=CLAIMS.until(timezone.now()))
            yield piece

    def tell(self, **values: Any) -> None:
        """Write to the row, which stays there until the transaction's end.

        :raises Stopped: the worker ends, or the row is gone.
        """
        self._last = time.monotonic()
        if self._stop():
            raise Stopped
        if not LayerIndex.objects.filter(pk=self.row.pk).update(bytes_done=self._done, **values):
            raise Stopped


def _write(reading: _Reading, chunks: Iterator[bytes]) -> None:
    """All parts of a layer. It may be the second time, after the registry was away for a moment."""
    LayerIndexPart.objects.filter(index=reading.row).delete()
    came = reading.counted(chunks)
    rest = reading.watched(came)
    try:
        firsts, entries = _write_parts(reading, sorted_records(read_entries(reading.watched(expand(came)))))
    except OciError as bad:
        # Whose fault it is tells the rest: these may not be the bytes that the digest names.
        collections.deque(rest, maxlen=0)
        if not reading.is_whole:
            raise
        raise _Refused(bad) from None
    # What follows the end of the tar is part of the blob, whose digest is proved by its last byte.
    collections.deque(rest, maxlen=0)
    reading.tell(
        state=LayerIndex.State.DONE,
        entries=entries,
        firsts=zlib.compress(json.dumps(firsts).encode()),
        error=None,
        claimed_until=None,
    )


def _write_parts(reading: _Reading, records: Iterable[Record]) -> tuple[list[tuple[str, str]], int]:
    """The first key of each part, and how many files there are."""
    firsts: list[tuple[str, str]] = []
    entries = 0
    parts = _parts(records)
    while batch := list(itertools.islice(parts, _BATCH)):
        rows = [
            LayerIndexPart(index=reading.row, number=number, content=zlib.compress(part.content))
            for number, part in enumerate(batch, len(firsts))
        ]
        with transaction.atomic():
            reading.tell(claimed_until=CLAIMS.until(timezone.now()))
            LayerIndexPart.objects.bulk_create(rows)
        firsts += [part.first for part in batch]
        entries += sum(part.entries for part in batch)
    return firsts, entries


@dataclass(frozen=True, slots=True)
class _Part:
    first: tuple[str, str]
    entries: int
    content: bytes


def _parts(records: Iterable[Record]) -> Iterator[_Part]:
    """Records as JSON, so many together as are read at once."""
    rows: list[str] = []
    size = entries = 0
    first = ("", "")
    for record in records:
        row = json.dumps(record.dump(), separators=(",", ":"))
        if len(rows) >= _PART_RECORDS or (rows and size + len(row) > PART_BYTES):
            yield _packed(first, entries, rows)
            rows, size, entries = [], 0, 0
        first = first if rows else record.key
        rows.append(row)
        size += len(row)
        entries += bool(record.type)
    if rows:
        yield _packed(first, entries, rows)


def _packed(first: tuple[str, str], entries: int, rows: list[str]) -> _Part:
    return _Part(first, entries, f"[{','.join(rows)}]".encode())


def forget_unused() -> int:
    """Delete indexes of layers that no image has; how many."""
    held = ImageBlob.objects.filter(digest=OuterRef("digest"))
    old = LayerIndex.objects.filter(created_at__lt=timezone.now() - KEPT)
    return old.exclude(Exists(held)).delete()[0]
