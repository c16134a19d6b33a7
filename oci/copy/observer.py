"""What the copy tells while it runs, and what it asks of the portal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

Params = dict[str, str | int | float]
#: An entry of an index, as JSON has it.
Entry = Mapping[str, Any]

#: What was announced is remembered for this long, seconds: longer than anyone takes from reading a list to putting it.
REMEMBERED_SECONDS: Final = 600.0


class LayerState(StrEnum):
    """The states of a blob on its way to the target."""

    WAITING = "waiting"
    EXISTS = "exists"
    MOUNTED = "mounted"
    COPYING = "copying"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """A blob that the target must have in the end. Each digest is there once.

    :param platform: such as ``linux/amd64``; empty where it is for several, or no index says it.
    """

    digest: str
    size: int
    media_type: str
    platform: str = ""


class CopyObserver(Protocol):
    """Told what happens. Calls come from several threads, also at once, and should return quickly."""

    def layers(self, layers: Sequence[LayerPlan]) -> None:
        """All blobs of the image and its referrers, once, before the first moves."""

    def layer(self, digest: str, state: LayerState, bytes_done: int) -> None:
        """A blob's state. ``bytes_done`` goes back where a blob has to begin again."""

    def connections(self, digest: str, count: int) -> None:
        """A blob comes over so many connections now."""

    def waiting(self, template: str, params: Params, until: float | None) -> None:
        """A pause; ``until`` is seconds since the epoch, None when no one knows."""

    def retried(self) -> None:
        """Something is tried again."""


@dataclass(frozen=True, slots=True)
class MountCandidate:
    """A repository at the target that holds a blob.

    ``needs_source_check``: the source must confirm, with this import's credentials, that it has the blob too.
    """

    repository: str
    needs_source_check: bool = True


class MountProof(Protocol):
    """Knows from where a blob may be mounted, and with whose rights."""

    def look_ahead(self, digests: Sequence[str]) -> None:
        """Say of which digests :meth:`candidates` will be asked: it may look all of them up at once."""

    def candidates(self, digest: str, *, refresh: bool = True) -> Sequence[MountCandidate]:
        """``refresh`` False: what was found by :meth:`look_ahead` is still true."""

    def refused(self, digest: str, repository: str) -> None:
        """The target has lost the blob there, or gives it away no more: :meth:`candidates` need not name it again."""

    def copied(self, digest: str, size: int, on_saved: Callable[[], None]) -> None:
        """This import brought the blob to its target repository, and was allowed to read it at the source.

        :param on_saved: called, from any thread, once :meth:`candidates` of other imports know of it.
        """


class Flight(Protocol):
    """The right to move one blob while others wait for it."""

    @property
    def stale(self) -> bool:
        """Whether another may have brought the blob somewhere lately: what was known before is out of date."""

    def progress(self, done: int) -> None: ...

    def end(self, ok: bool) -> None: ...


class BlobFlights(Protocol):
    """Lets one of many imports move a blob; across processes where the implementation is shared."""

    def begin(self, key: str) -> Flight | None:
        """Take the right to move ``key``; None when someone else has it."""

    def wait(self, key: str, timeout: float, on_progress: Callable[[int], None]) -> bool:
        """Wait up to ``timeout`` seconds for the other; whether its flight has ended (well or not)."""


class Announcements(Protocol):
    """What imports say to one another before they change the list under a stand-in tag: entries by digest, of each
    list.

    That tag (OCI distribution spec 1.1, "Referrers Tag Schema") is read, merged and put, and no registry makes one step
    of it. Of two that do so at once the later one loses the other's entries, and the other may have ended by then. So
    each says beforehand what it adds, and each looks afterwards whether all of that is in.
    """

    def add(self, key: str, entries: Mapping[str, Entry]) -> None:
        """These are about to be added to the list ``key``; what they name is at the target already."""

    def get(self, key: str) -> dict[str, Entry]:
        """All that was added to it lately."""
