"""The ``registry`` transport: streams from registry to registry; nothing is stored on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from imageimport.registries import clients
from imageimport.registries.announcements import SharedAnnouncements
from imageimport.registries.mounts import ProvenMounts
from imageimport.registries.single_flight import SharedFlights
from imageimport.registries.source_connections import SharedConnections
from imageimport.worker import kept_uploads, windows
from imageimport.worker.kept_uploads import KEEPING
from imageimport.worker.transports.base import Job
from imageimport.worker.within_quota import WithinQuota
from oci.copy.context import (
    Checks,
    CopyContext,
    CopyOptions,
    ReadContext,
    Resumption,
    Sharing,
    Transfers,
    largest_first,
)
from oci.copy.image_copier import CopyResult, ImageCopier
from oci.copy.ranges.reading_ahead import SharedReading
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError
from oci.limits import SOURCE_CONNECTIONS
from oci.memory import ReadAhead
from oci.registry.connections import Share
from oci.registry.options import ClientOptions
from oci.registry.repository import Repository
from oci.registry.source import Source
from oci.spec.descriptor import Descriptor
from projects.registry import client as own_registry


class RegistryTransport:
    """One attempt by :class:`~oci.copy.image_copier.ImageCopier`. See :class:`.base.Transport`."""

    def __init__(self, job: Job) -> None:
        task, options = job.task, job.client_options()
        self._job = job
        self._keeps_uploads = windows.may_close(task)
        self._progress, self._cancel = job.progress, job.cancel
        self._source = self._open_source(options)
        # To delete is asked for only where an upload is called off: a session ends by DELETE.
        access = {job.target_repository: own_registry.DELETE}
        self._target = Repository(
            own_registry.target_client(access=access, options=options), job.target_repository
        )
        self._mounts = self._open_mounts(access)
        self._closed = False
        self._committing = False
        reading = self._reading()
        self._connections = reading.connections
        share = Share(reading.connections, self._source.host)
        self._copier = ImageCopier(
            self._source,
            job.source.reference.identifier,
            self._target,
            task.target_tag,
            options=CopyOptions(
                platforms=tuple(task.platforms),
                platforms_if_any=task.platforms_by_default,
                include_referrers=task.include_referrers,
                overwrite=task.overwrite,
            ),
            context=CopyContext(
                reading=ReadContext(
                    cancel=job.cancel,
                    workers=WorkerPool(self._threads, share),
                    documents=options.documents,
                    gate=job.signatures,
                ),
                observer=self._observer(),
                sharing=Sharing(
                    flights=SharedFlights(),
                    flight_scope=self._flight_scope,
                    mounts=self._mounts,
                    announcements=SharedAnnouncements(),
                ),
                checks=Checks(judge=job.checks.judge, confirm_lease=self._confirm),
                transfers=Transfers(
                    parallel_blobs=settings.IMPORT_PARALLEL_BLOBS,
                    stall_seconds=settings.IMPORT_STALL_SECONDS,
                    reading_ahead=reading,
                    order=self._order,
                ),
                resumption=Resumption(
                    target_is_new=not task.project.images.filter(repository=task.target_name).exists(),
                    # The row as it was found: its fence is that of the attempt before.
                    goes_on=bool(task.fence or task.retry_of_id),
                    kept_uploads=kept_uploads.take(task),
                    keeps_uploads=self._keeps_uploads,
                ),
            ),
        )

    # --- what another kind of source does in its own way ------------------------------------------------

    def _open_source(self, options: ClientOptions) -> Source:
        job = self._job
        return clients.source_client(
            job.source.reference,
            user=job.task.requested_by,
            credential=job.source.credential,
            options=options,
            alive=job.progress.alive,
            passed_over=job.progress.faults.note,
        )

    def _open_mounts(self, access: dict[str, str]) -> ProvenMounts:
        task = self._job.task
        return ProvenMounts(
            source_registry=task.source_registry,
            project_name=task.project.name,
            repository=self._job.target_repository,
            access=access,
        )

    def _observer(self) -> WithinQuota:
        return WithinQuota(self._job.progress, self._job.task)

    def _reading(self) -> SharedReading:
        return SharedReading(
            memory=ReadAhead(settings.IMPORT_READ_AHEAD_BYTES),
            connections=SharedConnections(),
            most=settings.IMPORT_SOURCE_CONNECTIONS,
        )

    @property
    def _threads(self) -> int:
        """At a registry questions and small blobs are bound by round trips."""
        return max(
            settings.IMPORT_PARALLEL_BLOBS, min(settings.IMPORT_SOURCE_CONNECTIONS, SOURCE_CONNECTIONS)
        )

    def _order(self, blob: Descriptor) -> tuple[int, int]:
        return largest_first(blob)

    @property
    def _flight_scope(self) -> str:
        """Imports wait for one another's blobs where they read the same registry, anonymously or in the same project.
        So a slow registry holds up only those that chose it, and no one sees how far another project's private import
        is.
        """
        task, source = self._job.task, self._job.source
        is_public = source.credential is None and not clients.is_own(source.reference)
        return task.source_registry if is_public else f"{task.source_registry}/{task.project_id}"

    # --- the steps --------------------------------------------------------------------------------------

    def login(self) -> None:
        with self._noting_way():
            self._copier.sign_in()

    def pull(self) -> None:
        with self._noting_way():
            self._copier.pull()

    @contextmanager
    def _noting_way(self) -> Iterator[None]:
        """By which the content comes, or failed to."""
        try:
            yield
        except OciError as exc:
            self._progress.faults.note(self._source.last_via, exc)
            raise
        self._progress.via = self._source.via

    def tag(self) -> None:
        self._copier.tag(protected=self._job.tag_is_protected())

    def _confirm(self) -> None:
        """What was free to change when its tag was fixed may be protected by now. What began to commit is carried
        through."""
        if not self._committing and self._job.tag_is_protected():
            self._copier.tag(protected=True)
        self._job.checks.confirm_lease()
        self._committing = True

    def push(self) -> CopyResult:
        return self._copier.push()

    def cleanup(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._cancel.reason in KEEPING and self._keeps_uploads:
            self._progress.kept_uploads = self._copier.keep_uploads()
        self._copier.cleanup()
        self._mounts.close()
        self._connections.close()
        self._source.close()
        self._target.close()
