"""What the portal gives the engine for a copy, in one process and in memory: for copies without a portal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from oci.cancel import CancelToken
from oci.copy.context import Checks, CopyContext, ReadContext, Resumption, Sharing, Transfers
from oci.copy.observer import REMEMBERED_SECONDS, Entry, Flight, LayerPlan, LayerState, MountCandidate, Params
from oci.copy.ranges.reading_ahead import SharedReading
from oci.copy.worker_pool import WorkerPool
from oci.limits import STALL_SECONDS
from oci.memory import MemoryBudget

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Noun = TypeVar("Noun", bound="DataclassInstance")
#: Lists that are remembered at once.
MAX_LISTS: Final = 1000


class Silent:
    """For callers without an audience."""

    def layers(self, layers: Sequence[LayerPlan]) -> None: ...
    def layer(self, digest: str, state: LayerState, bytes_done: int) -> None: ...
    def connections(self, digest: str, count: int) -> None: ...
    def waiting(self, template: str, params: Params, until: float | None) -> None: ...
    def retried(self) -> None: ...


class NoMounts:
    """Nothing may be mounted."""

    def look_ahead(self, digests: Sequence[str]) -> None: ...

    def candidates(self, digest: str, *, refresh: bool = True) -> Sequence[MountCandidate]:
        return ()

    def refused(self, digest: str, repository: str) -> None: ...

    def copied(self, digest: str, size: int, on_saved: Callable[[], None]) -> None:
        on_saved()


class LocalFlights:
    """The flights of one process. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._done: dict[str, int] = {}

    def begin(self, key: str) -> Flight | None:
        with self._changed:
            if key in self._done:
                return None
            self._done[key] = 0
        return _LocalFlight(self, key)

    def wait(self, key: str, timeout: float, on_progress: Callable[[int], None]) -> bool:
        with self._changed:
            ended = self._changed.wait_for(lambda: key not in self._done, timeout)
            done = self._done.get(key, 0)
        if not ended:
            on_progress(done)
        return ended

    def progress(self, key: str, done: int) -> None:
        with self._changed:
            self._done[key] = done

    def end(self, key: str) -> None:
        with self._changed:
            self._done.pop(key, None)
            self._changed.notify_all()


class _LocalFlight:
    #: Which flights landed is not remembered here.
    stale = True

    def __init__(self, flights: LocalFlights, key: str) -> None:
        self._flights = flights
        self._key = key

    def progress(self, done: int) -> None:
        self._flights.progress(self._key, done)

    def end(self, ok: bool) -> None:
        self._flights.end(self._key)


class LocalAnnouncements:
    """The announcements of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: dict[str, dict[str, tuple[float, Entry]]] = {}

    def add(self, key: str, entries: Mapping[str, Entry]) -> None:
        until = time.monotonic() + REMEMBERED_SECONDS
        with self._lock:
            known = self._lists.pop(key, {})
            self._lists[key] = known | {digest: (until, entry) for digest, entry in entries.items()}
            while len(self._lists) > MAX_LISTS:
                self._lists.pop(next(iter(self._lists)))

    def get(self, key: str) -> dict[str, Entry]:
        now = time.monotonic()
        with self._lock:
            known = self._lists.get(key, {})
            return {digest: entry for digest, (until, entry) in known.items() if until > now}


#: Of all copies of this process.
ANNOUNCEMENTS: Final = LocalAnnouncements()


def noun_of(noun: type[Noun], given: dict[str, Any], **usual: Any) -> Noun:
    """A record of the fields that ``given`` has of it, which are taken out, and of the usual ones.

    So a test names a field, and not the record that it is in.
    """
    own = {each.name: given.pop(each.name) for each in fields(noun) if each.name in given}
    return noun(**usual | own)


def alone(*, parallel: int = 4, **more: Any) -> CopyContext:
    """What a copy takes that no one watches and that shares nothing with others but announcements.

    :param more: fields of :class:`CopyContext`, and of what it consists of, to have otherwise.
    """
    context = CopyContext(
        reading=noun_of(
            ReadContext,
            more,
            cancel=CancelToken(),
            workers=WorkerPool(parallel),
            documents=MemoryBudget(),
        ),
        observer=more.pop("observer", None) or Silent(),
        sharing=noun_of(
            Sharing,
            more,
            flights=LocalFlights(),
            flight_scope="",
            mounts=NoMounts(),
            announcements=ANNOUNCEMENTS,
        ),
        checks=noun_of(Checks, more, judge=lambda _candidate: None, confirm_lease=lambda: None),
        transfers=noun_of(
            Transfers,
            more,
            parallel_blobs=parallel,
            stall_seconds=STALL_SECONDS,
            reading_ahead=SharedReading(),
        ),
        resumption=noun_of(Resumption, more),
    )
    return replace(context, **more)
