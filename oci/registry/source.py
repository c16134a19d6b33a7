"""What an image is read from: a repository at one registry, or at several mirrors with the registry behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from oci.cancel import CancelToken
from oci.errors import Note, OciError
from oci.registry.blobs import BlobStream, ByteStream, Span
from oci.registry.listing import TagFacts
from oci.registry.manifests import ManifestHead
from oci.registry.rate_limit import RateLimit
from oci.registry.repository import Repository
from oci.spec.manifest import Descriptor, Manifest


class OpensBlobs(Protocol):
    """Where a blob's bytes come from. One try a call: :mod:`oci.copy.blob_transfer` tries again."""

    def open_blob(self, digest: str, offset: int = 0) -> ByteStream:
        """A stream of the blob from ``offset`` on.

        :raises RetryableError:
        :raises OciError:
        """

    def blob_failed(self, digest: str, *, lied: bool = False) -> None:
        """A stream broke, or (``lied``) brought wrong bytes: the next may come from somewhere else."""


class SendsRanges(OpensBlobs, Protocol):
    """Where any part of a blob may be asked for."""

    @property
    def host(self) -> str: ...

    def open_range(self, digest: str, span: Span, cancel: CancelToken) -> BlobStream:
        """As :func:`oci.registry.blobs.open_range`.

        :raises NoRangesError:
        :raises RetryableError:
        :raises OciError:
        """


class Source(SendsRanges, Protocol):
    """The reading half of :class:`oci.registry.repository.Repository`; see there."""

    @property
    def host(self) -> str: ...

    @property
    def via(self) -> str: ...

    @property
    def last_via(self) -> str:
        """As ``via``, of the place that is asked last: a fault that is raised is its."""

    def behind(self) -> Repository | None: ...

    @property
    def notes(self) -> list[Note]: ...

    @property
    def rate_limit(self) -> RateLimit | None: ...

    def note(self, note: Note) -> None: ...

    @property
    def unheard(self) -> OciError | None:
        """The fault of the registry itself where a mirror's "not there" was enough."""

    def ping(self) -> None: ...

    def head_manifest(self, reference: str) -> ManifestHead | None: ...

    def find_manifest(self, reference: str) -> Manifest | None: ...

    def get_manifest(self, reference: str) -> Manifest: ...

    def head_blob(self, digest: str) -> int | None: ...

    def read_blob(self, digest: str, size: int) -> bytes: ...

    @property
    def may_keep_referrers_by_tag(self) -> bool: ...

    def referrers_by_api(self, digest: str) -> tuple[Descriptor, ...] | None: ...

    def referrers_by_tag(self, digest: str) -> tuple[Descriptor, ...]: ...

    def open_ahead(self, most: int) -> None: ...

    def list_tags(self, facts: dict[str, TagFacts] | None = None) -> Iterator[str]: ...

    def close(self) -> None: ...
