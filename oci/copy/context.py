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
    """See :attr:`CopyContext.order`."""
    return (-blob.size, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyContext(ReadContext):
    """What all steps of one copy share.

    :param observer: told what happens; an :class:`OciError` that it raises in ``layers`` ends the import.
    :param flight_scope: which imports may wait for each other's blobs: those that read the same content by the same
        right.
    :param announcements: shared by all who import into the target.
    :param parallel_blobs: in flight at the target; of the small ones more may be on their way, as many as workers.
    :param target_is_new: the target's repository has held nothing yet, so the source's manifest is read in any case,
        and no question before it asks what it is: where that counts as a pull, the import costs it anyway.
    :param order: a key that says in which order blobs are begun (default: largest first).
    :param reading: how much is read ahead, over how many connections.
    :param kept_uploads: sessions at the target that an earlier attempt left, by the blob's digest; each is taken once.
    :param keeps_uploads: this attempt may leave some, so that the target is sent a large blob in requests of bytes that
        have come already: what is broken off in the middle of a request is lost.
    :param goes_on: an earlier attempt may have brought blobs: what the target has of them is not read from the source.
    :param judge: called once with what is about to be brought, before the first blob moves; an :class:`OciError` that
        it raises ends the import.
    :param confirm_lease: called right before the tag is put; raises when this attempt has lost its right to.
    """

    observer: CopyObserver
    flights: BlobFlights
    flight_scope: str
    mounts: MountProof
    announcements: Announcements
    judge: Callable[[Candidate], None]
    confirm_lease: Callable[[], None]
    stall_seconds: float
    parallel_blobs: int
    kept_uploads: dict[str, KeptUpload] = field(default_factory=dict)
    keeps_uploads: bool = False
    goes_on: bool = False
    target_is_new: bool = False
    order: Callable[[Descriptor], tuple[int, int]] = largest_first
    reading: SharedReading
