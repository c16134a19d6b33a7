"""What an attempt asks of a transport: the stages, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from django.conf import settings

from imageimport.models import ImportTask
from imageimport.policy.signatures import SignatureProof
from imageimport.worker.progress import Progress
from oci.cancel import CancelToken
from oci.copy.context import Checks
from oci.copy.image_copier import CopyResult
from oci.http.transport import Timeouts
from oci.reference.parser import Reference
from oci.registry.auth.credentials import Credential
from oci.registry.options import ClientOptions, Throttling
from oci.registry.pace import Pace, Unpaced
from oci.registry.retry import RetryPolicy
from projects import protection


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """Where an image is read, as whom, and how fast.

    ``credential`` is opened already and bound to the source's host.
    """

    reference: Reference
    credential: Credential | None = None
    pace: Pace = field(default_factory=Unpaced)


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt: what to import, whom to ask and whom to tell.

    ``checks`` raise where the image may not come in, the second also where the lease no longer holds. ``signatures``
    is asked what the image's signatures say, before a blob of it is read; None where it is not to be known.
    """

    task: ImportTask
    source: SourceAccess
    progress: Progress
    cancel: CancelToken
    checks: Checks
    signatures: SignatureProof | None = None

    @property
    def target_repository(self) -> str:
        """``<project>/<name>`` in the private registry."""
        return f"{self.task.project.name}/{self.task.target_name}"

    def tag_is_protected(self) -> bool:
        """Whether the target tag, where it exists, may not change."""
        return bool(protection.pattern_for(self.task.project, self.task.target_name, self.task.target_tag))

    def client_options(self) -> ClientOptions:
        """For the clients of both registries, which then share one budget."""
        return ClientOptions(
            cancel=self.cancel,
            timeouts=Timeouts(stall_seconds=settings.IMPORT_STALL_SECONDS),
            retries=RetryPolicy(on_wait=self.progress.waiting, on_retry=self.progress.retried),
            throttling=Throttling(pace=self.source.pace),
        )


class ImageTransport(Protocol):
    """One attempt's way. Each step raises :class:`oci.errors.OciError` or :class:`oci.errors.Canceled`."""

    def login(self) -> None:
        """Reach the source, sign in, resolve the tag to a digest."""

    def pull(self) -> None:
        """Move the blobs, or the image into the Engine."""

    def tag(self) -> None:
        """Fix the target reference; ``tag_exists`` where it may not be overwritten, ``tag_protected`` where it may
        not change."""

    def push(self) -> CopyResult:
        """Publish at the target, the tag last, and read it back."""

    def cleanup(self) -> None:
        """Leave nothing behind. Never raises, may be called at any time, also twice."""
