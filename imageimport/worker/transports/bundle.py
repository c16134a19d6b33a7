"""The ``bundle`` transport: an image of an uploaded file, streamed to the registry as from any source.

What a bundle left out because this side has it is looked for in the project before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from imageimport.registries import archives, holdings
from imageimport.registries.mounts import ProvenMounts
from imageimport.worker.transports.registry import RegistryTransport
from imageimport.worker.within_quota import WithinQuota
from oci.copy.observer import LayerPlan, MountCandidate
from oci.copy.ranges.reading_ahead import SharedReading
from oci.layout.faults import incomplete
from oci.layout.source import ArchiveSource
from oci.registry.options import ClientOptions
from oci.spec.descriptor import Descriptor


class BundleTransport(RegistryTransport):
    """As the ``registry`` transport, with a file as its source. See :class:`.base.Transport`."""

    def _open_source(self, options: ClientOptions) -> ArchiveSource:
        self._archive = archives.take(self._job.task, tick=self._tick)
        return ArchiveSource(self._archive, self._job.source.reference.repository)

    def _tick(self) -> None:
        """A large compressed file is read through before anything of it moves."""
        self._job.cancel.check()
        self._job.progress.alive()

    def _open_mounts(self, access: dict[str, str]) -> HeldMounts:
        # What one project uploaded proves nothing for another, whatever digests its file names.
        self._held = HeldMounts(
            source_registry=f"bundle/{self._job.task.project_id}",
            project_name=self._job.task.project.name,
            repository=self._job.target_repository,
            access=access,
        )
        return self._held

    def _observer(self) -> WithinQuota:
        return _WholeFirst(self)

    def _reading(self) -> SharedReading:
        return SharedReading(most=1)

    @property
    def _threads(self) -> int:
        """A compressed file is decompressed once, if it is read in its order and by one thread."""
        return super()._threads if self._archive.seeks else 1

    def _order(self, blob: Descriptor) -> tuple[int, int]:
        return super()._order(blob) if self._archive.seeks else self._archive.order(blob.digest)

    @property
    def _flight_scope(self) -> str:
        return f"bundle/{self._job.task.project_id}"

    def check_whole(self, layers: Sequence[LayerPlan]) -> None:
        """Find what the file lacks in the project.

        :raises OciError: ``bundle_incomplete``: the project doesn't have it either.
        """
        lacking = [layer.digest for layer in layers if not self._archive.has(layer.digest)]
        if lacking:
            task = self._job.task
            found = holdings.find(task.project, {task.target_name: lacking}, cancel=self._job.cancel)
            lost = set(lacking) - found.keys()
            if lost:
                raise incomplete(self._archive.name, lost)
            self._held.hold(found)

    def cleanup(self) -> None:
        if not self._closed:
            super().cleanup()
            archives.give_back(self._job.task, self._archive)


class _WholeFirst(WithinQuota):
    """Asks once the blobs are known and before any is moved."""

    def __init__(self, transport: BundleTransport) -> None:
        job = transport._job
        super().__init__(job.progress, job.task)
        self._transport = transport

    def layers(self, layers: Sequence[LayerPlan]) -> None:
        self._transport.check_whole(layers)
        super().layers(layers)


class HeldMounts(ProvenMounts):
    """Knows besides where the project was seen to hold what a file lacks."""

    _places: Mapping[str, str] = MappingProxyType({})

    def hold(self, places: Mapping[str, str]) -> None:
        """``places``: repositories of the project by digest."""
        self._places = places

    def candidates(self, digest: str, *, refresh: bool = True) -> Sequence[MountCandidate]:
        repository = self._places.get(digest)
        if repository is None:
            return super().candidates(digest, refresh=refresh)
        self._access.setdefault(repository, "pull")
        return [MountCandidate(repository, False)]
