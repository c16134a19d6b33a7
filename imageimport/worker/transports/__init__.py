"""Ways to move an image. To add one: implement :class:`base.Transport`, name it in
:class:`imageimport.choices.Transport` and in :func:`open_transport` (docs/development.md)."""

from __future__ import annotations

from collections.abc import Callable

from imageimport.choices import Transport as Name
from imageimport.worker.transports.base import ImageTransport, Job


def open_transport(job: Job) -> ImageTransport:
    """The transport that a task asks for.

    :raises OciError: it can't be had (``docker_unavailable``).
    """
    return transport_class(Name(job.task.transport))(job)


def transport_class(name: Name) -> Callable[[Job], ImageTransport]:
    """Imported when first asked for: what one transport needs costs the others nothing."""
    match name:
        case Name.REGISTRY:
            from imageimport.worker.transports.registry import RegistryTransport

            return RegistryTransport
        case Name.DOCKER:
            from imageimport.worker.transports.docker import DockerTransport

            return DockerTransport
        case Name.BUNDLE:
            from imageimport.worker.transports.bundle import BundleTransport

            return BundleTransport
