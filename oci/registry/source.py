"""What an image is read from: one registry, or several mirrors with the registry behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from oci.errors import Note
from oci.registry.blobs import ByteStream
from oci.registry.manifests import ManifestHead
from oci.registry.rate_limit import RateLimit
from oci.spec.manifest import Descriptor, Manifest


class OpensBlobs(Protocol):
    """Where a blob's bytes come from. One try a call: :mod:`oci.copy.blob_transfer` tries again."""

    def open_blob(self, repository: str, digest: str, offset: int = 0) -> ByteStream:
        """:raises RetryableError: :raises OciError:"""

    def blob_failed(self, digest: str) -> None:
        """A stream broke or brought wrong bytes: the next may come from somewhere else."""


class Source(OpensBlobs, Protocol):
    """The reading half of :class:`oci.registry.client.RegistryClient`; see there."""

    @property
    def host(self) -> str: ...

    @property
    def notes(self) -> list[Note]: ...

    @property
    def rate_limit(self) -> RateLimit | None: ...

    def note(self, note: Note) -> None: ...

    def ping(self) -> None: ...

    def head_manifest(self, repository: str, wanted: str) -> ManifestHead | None: ...

    def find_manifest(self, repository: str, wanted: str) -> Manifest | None: ...

    def get_manifest(self, repository: str, wanted: str) -> Manifest: ...

    def head_blob(self, repository: str, digest: str) -> int | None: ...

    def read_blob(self, repository: str, digest: str, size: int) -> bytes: ...

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]: ...

    def list_tags(self, repository: str) -> Iterator[str]: ...

    def close(self) -> None: ...
