"""The ``registry`` transport: streams from registry to registry; nothing is stored on the way."""

from __future__ import annotations

from dataclasses import asdict

from django.conf import settings

from imageimport.quotas import WithinQuota
from imageimport.registries import clients
from imageimport.registries.announcements import SharedAnnouncements
from imageimport.registries.mounts import ProvenMounts
from imageimport.registries.single_flight import SharedFlights
from imageimport.worker.transports.base import Arrived, Job
from oci.copy.image_copier import ImageCopier
from oci.memory import MemoryBudget
from oci.registry.retry import RetryBudget
from projects.registry import client as own_registry


class RegistryTransport:
    """One attempt by :class:`~oci.copy.image_copier.ImageCopier`. See :class:`.base.Transport`."""

    def __init__(self, job: Job) -> None:
        task = job.task
        budget, documents = RetryBudget(), MemoryBudget()
        self._source = clients.source_client(
            job.source,
            user=task.requested_by,
            credential=job.credential,
            cancel=job.cancel,
            audience=job.progress,
            budget=budget,
            documents=documents,
        )
        # To delete is asked for only where an upload is called off: a session ends by DELETE.
        access = {job.target_repository: own_registry.DELETE}
        self._target = own_registry.target_client(
            access=access,
            cancel=job.cancel,
            budget=budget,
            documents=documents,
            on_wait=job.progress.waiting,
            on_retry=job.progress.retried,
            stall_seconds=settings.IMPORT_STALL_SECONDS,
        )
        self._mounts = ProvenMounts(
            source_registry=task.source_registry,
            project_name=task.project.name,
            repository=job.target_repository,
            access=access,
        )
        self._closed = False
        self._copier = ImageCopier(
            source=self._source,
            source_repository=job.source.repository,
            wanted=job.source.wanted,
            target=self._target,
            target_repository=job.target_repository,
            target_tag=task.target_tag,
            platforms=task.platforms,
            include_referrers=task.include_referrers,
            overwrite=task.overwrite,
            parallel_blobs=settings.IMPORT_PARALLEL_BLOBS,
            observer=WithinQuota(job.progress, task),
            cancel=job.cancel,
            flights=SharedFlights(),
            flight_scope=_flight_scope(job),
            announcements=SharedAnnouncements(),
            mounts=self._mounts,
            confirm=job.before_commit,
            stall_seconds=settings.IMPORT_STALL_SECONDS,
            documents=documents,
        )

    def login(self) -> None:
        self._copier.sign_in()

    def pull(self) -> None:
        self._copier.pull()

    def tag(self) -> None:
        self._copier.tag()

    def push(self) -> Arrived:
        result = self._copier.push()
        return Arrived(
            digest=result.digest,
            source_digest=result.source_digest,
            media_type=result.media_type,
            size=result.size,
            platforms=result.platforms,
            artifact_type=result.artifact_type,
            children=tuple(asdict(child) for child in result.children),
            notes=result.attaching_notes,
        )

    def cleanup(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._copier.cleanup()
        self._mounts.close()
        self._source.close()
        self._target.close()


def _flight_scope(job: Job) -> str:
    """Imports wait for one another's blobs where they read the same registry, as nobody or in the same project. So a
    slow registry holds up only those that chose it, and nobody sees how far another project's private import is.
    """
    registry = job.task.source_registry
    is_public = job.credential is None and not clients.is_own(job.source)
    return registry if is_public else f"{registry}/{job.task.project_id}"
