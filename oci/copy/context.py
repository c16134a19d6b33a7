"""What the steps of a copy share, and what a person chose for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oci.cancel import CancelToken
from oci.copy.candidate import Candidate
from oci.copy.observer import Announcements, BlobFlights, CopyObserver, MountProof
from oci.copy.ranges.reading_ahead import SharedReading
from oci.copy.worker_pool import WorkerPool
from oci.memory import MemoryBudget
from oci.registry.uploads import KeptUpload
from oci.spec.descriptor import Descriptor

if TYPE_CHECKING:
    from oci.copy.signatures.places import SignatureGate


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """What of an image is copied.

    :param platforms: ``linux/amd64`` and the like; empty for all.
    :param platforms_if_any: an image that names no platform (a chart, a module, a policy) is copied whole; without
        this it is refused. An image that names some must have each of ``platforms``.
    :param include_referrers: with signatures, SBOMs and whatever else is attached.
    :param overwrite: whether a tag that names something else may be changed.
    """

    platforms: tuple[str, ...] = ()
    platforms_if_any: bool = False
    include_referrers: bool = True
    overwrite: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadContext:
    """What reading an image takes.

    :param documents: shared with the clients; counts what is kept in memory.
    :param gate: asked what the image's signatures say, before any blob of it is read; None where it is not to be known.
    """

    cancel: CancelToken
    workers: WorkerPool
    documents: MemoryBudget
    gate: SignatureGate | None = None


def largest_first(blob: Descriptor) -> tuple[int, int]:
    """See :attr:`Transfers.order`."""
    return (-blob.size, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What imports into one registry know of one another.

    :param flights: so that one of them moves a blob.
    :param flight_scope: which imports may wait for each other's blobs: those that read the same content by the same
        right.
    :param mounts: what is there already, and may be had from there.
    :param announcements: shared by all who import into the target.
    """

    flights: BlobFlights
    flight_scope: str
    mounts: MountProof
    announcements: Announcements


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Who is asked whether the copy may go on; what they raise ends it.

    :param judge: called once with what is about to be brought, before the first blob moves.
    :param confirm_lease: called right before the tag is put; raises when this attempt has lost its right to.
    """

    judge: Callable[[Candidate], None]
    confirm_lease: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What the target may have by earlier attempts, and what this one may leave for a later one.

    :param target_is_new: the target's repository has held nothing yet, so the source's manifest is read in any case,
        and no question before it asks what it is: where that counts as a pull, the import costs it anyway.
    :param goes_on: an earlier attempt may have brought blobs: what the target has of them is not read from the source.
    :param kept_uploads: sessions at the target that an earlier attempt left, by the blob's digest; each is taken once.
    :param keeps_uploads: this attempt may leave some, so that the target is sent a large blob in requests of bytes that
        have come already: what is broken off in the middle of a request is lost.
    """

    target_is_new: bool = False
    goes_on: bool = False
    kept_uploads: dict[str, KeptUpload] = field(default_factory=dict)
    keeps_uploads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfers:
    """How blobs are moved.

    :param parallel_blobs: in flight at the target; of the small ones more may be on their way, as many as workers.
    :param stall_seconds: another import's transfer is waited for this long, and longer only while it is quick.
    :param reading_ahead: how much is read ahead, over how many connections.
    :param order: a key that says in which order blobs are begun (default: largest first).
    """

    parallel_blobs: int
    stall_seconds: float
    reading_ahead: SharedReading
    order: Callable[[Descriptor], tuple[int, int]] = largest_first


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyContext:
    """What the steps of one copy are given, each its part.

    :param reading: its threads and its cancel token are those of all steps.
    :param observer: told what happens; an :class:`OciError` that it raises in ``layers`` ends the import.
    """

    reading: ReadContext
    observer: CopyObserver
    sharing: Sharing
    checks: Checks
    transfers: Transfers
    resumption: Resumption = field(default_factory=Resumption)
