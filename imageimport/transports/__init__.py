"""Ways to move an image. To add one: implement :class:`base.Transport`, name it in :func:`open_transport` and in
:class:`imageimport.choices.Transport`; tests/imageimport/transports holds what every transport must pass."""

from __future__ import annotations

from imageimport.choices import Transport as Name
from imageimport.transports.base import Job, Transport


def open_transport(job: Job) -> Transport:
    """The transport that a task asks for.

    :raises OciError: it can't be had (``docker_unavailable``).
    """
    if job.task.transport == Name.DOCKER:
        from imageimport.transports.docker import DockerTransport

        return DockerTransport(job)
    from imageimport.transports.registry import RegistryTransport

    return RegistryTransport(job)
