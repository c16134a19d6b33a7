"""What stands at a registry, for those who decide about it: by its manifests, and by configurations only when asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from oci.cancel import CancelToken
from oci.copy.candidate import Candidate
from oci.copy.context import CopyOptions, ReadContext
from oci.copy.image_reader import ImageReader
from oci.copy.plan import PlannedPlatform, planned_platforms
from oci.copy.signatures.places import SignatureGate
from oci.copy.worker_pool import WorkerPool
from oci.memory import MemoryBudget
from oci.registry.source import Source

#: Questions that are asked at once.
_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Look:
    """``digest``: what the reference names. ``platforms``: of an index; a single image says its own in a blob only."""

    digest: str
    bytes_total: int
    platforms: tuple[PlannedPlatform, ...]
    referrers: int


def look(
    source: Source,
    reference: str,
    *,
    options: CopyOptions,
    cancel: CancelToken,
    gate: SignatureGate | None = None,
) -> Look:
    """Read the manifests.

    :param reference: tag or digest.
    :param gate: asked what the image's signatures say; only these are read for it.
    :raises OciError: as an import would; what ``gate`` raises.
    """
    with closing(WorkerPool(_THREADS)) as workers:
        context = ReadContext(cancel=cancel, workers=workers, documents=MemoryBudget(), gate=gate)
        with closing(
            ImageReader(source, reference, options, context, at_target=lambda _digest: None)
        ) as reader:
            digest = reader.resolve()
            image = reader.read(configurations=False)
            return Look(
                digest=digest,
                bytes_total=sum(blob.size for blob in image.blobs().values()),
                platforms=planned_platforms(image),
                referrers=len(image.attached.trees),
            )


@contextmanager
def candidate_at(
    repository: Source,
    digest: str,
    *,
    cancel: CancelToken,
    platforms: tuple[str, ...] = (),
    platforms_if_any: bool = False,
) -> Iterator[Candidate]:
    """An image that a registry holds, for those who judge it; its questions can be asked inside the block.

    :param platforms: those that count; empty: all.
    :param platforms_if_any: as of :class:`oci.copy.context.CopyOptions`.
    :raises OciError: it can't be read.
    """
    with closing(WorkerPool(_THREADS)) as workers:
        context = ReadContext(cancel=cancel, workers=workers, documents=MemoryBudget())
        chosen = CopyOptions(include_referrers=False, platforms=platforms, platforms_if_any=platforms_if_any)
        with closing(
            ImageReader(repository, digest, chosen, context, at_target=lambda _digest: None)
        ) as reader:
            reader.resolve()
            image = reader.read(configurations=False)
            yield Candidate(
                digest=digest,
                bytes_total=sum(blob.size for blob in image.blobs().values()),
                platforms=partial(reader.platforms, image.tree),
                created=partial(reader.created, image.tree),
                tree=image.tree,
            )
