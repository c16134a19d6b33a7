"""What the copy tells while it runs, and what it asks of the portal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

LayerState = Literal["waiting", "exists", "mounted", "copying", "done", "failed"]
Params = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """A blob that the target must have in the end. Each digest is there once."""

    digest: str
    size: int
    media_type: str


class CopyObserver(Protocol):
    """Told what happens. Calls come from several threads, never two at once, and should return quickly."""

    def layers(self, layers: Sequence[LayerPlan]) -> None:
        """All blobs of the image and its referrers, once, before the first moves."""

    def layer(self, digest: str, state: LayerState, bytes_done: int) -> None:
        """A blob's state. ``bytes_done`` goes back where a blob has to begin again."""

    def reused(self, count: int) -> None:
        """``count`` bytes that need not be moved: the target has them, or got them without us."""

    def waiting(self, template: str, params: Params, until: float | None) -> None:
        """A pause; ``until`` is seconds since the epoch, None when nobody knows."""

    def retried(self) -> None:
        """Something is tried again."""


class Silent:
    """For callers without an audience."""

    def layers(self, layers: Sequence[LayerPlan]) -> None: ...
    def layer(self, digest: str, state: LayerState, bytes_done: int) -> None: ...
    def reused(self, count: int) -> None: ...
    def waiting(self, template: str, params: Params, until: float | None) -> None: ...
    def retried(self) -> None: ...


class OneAtATime:
    """Passes calls of many threads on to an observer, one after the other."""

    def __init__(self, observer: CopyObserver) -> None:
        self._observer = observer
        self._lock = threading.Lock()

    def layers(self, layers: Sequence[LayerPlan]) -> None:
        with self._lock:
            self._observer.layers(layers)

    def layer(self, digest: str, state: LayerState, bytes_done: int) -> None:
        with self._lock:
            self._observer.layer(digest, state, bytes_done)

    def reused(self, count: int) -> None:
        with self._lock:
            self._observer.reused(count)

    def waiting(self, template: str, params: Params, until: float | None) -> None:
        with self._lock:
            self._observer.waiting(template, params, until)

    def retried(self) -> None:
        with self._lock:
            self._observer.retried()


@dataclass(frozen=True, slots=True)
class MountCandidate:
    """A repository at the target that holds a blob.

    ``needs_source_check``: the source must confirm, with this import's credentials, that it has the blob too.
    """

    repository: str
    needs_source_check: bool = True


class MountProof(Protocol):
    """Knows from where a blob may be mounted, and by whose right."""

    def look_ahead(self, digests: Sequence[str]) -> None:
        """Of these :meth:`candidates` will be asked: it may look all of them up at once."""

    def candidates(self, digest: str, *, anew: bool = True) -> Sequence[MountCandidate]:
        """``anew`` False: what was found by :meth:`look_ahead` is still true."""

    def copied(self, digest: str, size: int, then: Callable[[], None]) -> None:
        """This import brought the blob to its target repository, and was allowed to read it at the source.

        :param then: called, from any thread, once :meth:`candidates` of other imports know of it.
        """


class NoMounts:
    """Nothing may be mounted."""

    def look_ahead(self, digests: Sequence[str]) -> None: ...

    def candidates(self, digest: str, *, anew: bool = True) -> Sequence[MountCandidate]:
        return ()

    def copied(self, digest: str, size: int, then: Callable[[], None]) -> None:
        then()


class Flight(Protocol):
    """The right to move one blob while others wait for it."""

    @property
    def news(self) -> bool:
        """Whether another may have brought the blob somewhere lately: what was known before is out of date."""

    def progress(self, done: int) -> None: ...

    def end(self, ok: bool) -> None: ...


class BlobFlights(Protocol):
    """Lets one of many imports move a blob; across processes where the implementation is shared."""

    def begin(self, key: str) -> Flight | None:
        """Take the right to move ``key``; None when someone else has it."""

    def wait(self, key: str, timeout: float, on_progress: Callable[[int], None]) -> bool:
        """Wait up to ``timeout`` seconds for the other; whether its flight has ended (well or not)."""


class LocalFlights:
    """Of one process. Thread-safe."""

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
    news = True

    def __init__(self, flights: LocalFlights, key: str) -> None:
        self._flights = flights
        self._key = key

    def progress(self, done: int) -> None:
        self._flights.progress(self._key, done)

    def end(self, ok: bool) -> None:
        self._flights.end(self._key)
