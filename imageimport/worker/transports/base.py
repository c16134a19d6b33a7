"""What the pipeline asks of a transport: the report's stages, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from imageimport.models import ImportTask
from imageimport.worker.progress import Progress
from oci.cancel import CancelToken
from oci.errors import Note
from oci.reference.parser import Reference
from oci.registry.credentials import Credential


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt: what to import and whom to tell.

    ``credential`` is opened already and bound to the source's host. ``before_commit`` is called right before the
    target's tag is put, and raises where the lease does not hold any more.
    """

    task: ImportTask
    source: Reference
    credential: Credential | None
    progress: Progress
    cancel: CancelToken
    before_commit: Callable[[], None]

    @property
    def target_repository(self) -> str:
        """``<project>/<name>`` in the private registry."""
        return f"{self.task.project.name}/{self.task.target_name}"


@dataclass(frozen=True, slots=True)
class Arrived:
    """What stands at the target now, read back from there.

    ``size`` is the sum of the distinct blobs in bytes; ``children`` the platforms of an index as
    ``{"platform", "digest", "size"}``; ``notes`` are for the people who asked for the import.
    """

    digest: str
    source_digest: str
    media_type: str
    size: int
    platforms: tuple[str, ...]
    artifact_type: str = ""
    children: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    notes: tuple[Note, ...] = ()


class Transport(Protocol):
    """One attempt's way. Each step raises :class:`oci.errors.OciError` or :class:`oci.errors.Canceled`."""

    def login(self) -> None:
        """Reach the source, sign in, resolve the tag to a digest."""

    def pull(self) -> None:
        """Move the blobs, or the image into the Engine."""

    def tag(self) -> None:
        """Fix the target reference; ``tag_exists`` where it may not be overwritten."""

    def push(self) -> Arrived:
        """Publish at the target, the tag last, and read it back."""

    def cleanup(self) -> None:
        """Leave nothing behind. Never raises, may be called at any time, also twice."""
