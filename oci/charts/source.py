"""One chart of a Helm repository over HTTP, read as a registry's repository is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

import yaml

from oci.cancel import CancelToken
from oci.charts.documents import Body
from oci.charts.index import ChartVersion, read_index
from oci.charts.package import BadChartError, Chart, chart_of
from oci.errors import Note, OciError, gettext_noop
from oci.limits import CHART_BYTES, CHART_INDEX_BYTES
from oci.reference.parser import Reference
from oci.registry.auth.challenge import Challenge
from oci.registry.blobs import BlobStream, ByteStream, MemoryStream, NoRangesError, Span
from oci.registry.client import RegistryClient
from oci.registry.faults import IMAGE_NOT_FOUND, confused, digest_differs
from oci.registry.listing import TagFacts
from oci.registry.manifests import ManifestHead
from oci.registry.rate_limit import RateLimit
from oci.spec.descriptor import Descriptor
from oci.spec.digest import digest_of, is_digest
from oci.spec.manifest import Manifest
from oci.spec.media_types import OCI_MANIFEST
from oci.urls import Url

_ELSEWHERE: Final = gettext_noop("%(host)s keeps this chart in a registry. Import %(url)s instead.")
_NO_CHART: Final = gettext_noop("%(host)s has no chart named %(chart)s.")
_NO_BLOB: Final = gettext_noop("%(host)s doesn't have %(digest)s, which its own manifest lists.")


class Known:
    """Manifests of charts that were read, by the digest of the chart's file: a schedule compares without fetching.

    Thread-safe. What a digest leads to is the same wherever the file comes from.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most, self._lock = most, threading.Lock()
        self._heads: OrderedDict[str, ManifestHead] = OrderedDict()

    def get(self, digest: str) -> ManifestHead | None:
        with self._lock:
            return self._heads.get(digest)

    def put(self, digest: str, head: ManifestHead) -> None:
        with self._lock:
            self._heads[digest] = head
            while len(self._heads) > self._most:
                self._heads.popitem(last=False)


class ChartSource:
    """A :class:`oci.registry.source.Source`. Thread-safe. The index is read once, and one file at a time is held:
    an import needs no other, and a schedule that compares many needs none once it knows them.

    :param client: of the repository's host; with a credential, which is shown as Helm shows it: at once, and nowhere
        else.
    :param alive: told while something is read; may raise.
    """

    may_keep_referrers_by_tag = False

    def __init__(
        self,
        client: RegistryClient,
        reference: Reference,
        *,
        known: Known,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._known, self._alive = client, known, alive
        folder, _, self._chart = reference.repository.rpartition("/")
        self._index_url = client.session.url(f"/{folder}/index.yaml" if folder else "/index.yaml")
        self._tag = reference.tag
        self._lock = threading.RLock()
        self._versions: dict[str, ChartVersion] | None = None
        self._held: tuple[str, Chart] | None = None
        #: Tags by the digests that were said of them.
        self._tags_of_digests: dict[str, str] = {}
        if client.session.sign_in.account:
            client.session.sign_in.learn(Challenge("basic"))

    @property
    def host(self) -> str:
        return self._client.host

    @property
    def via(self) -> str:
        return self._client.via

    @property
    def last_via(self) -> str:
        return self._client.via

    @property
    def notes(self) -> list[Note]:
        return self._client.notes

    def note(self, note: Note) -> None:
        self._client.note(note)

    @property
    def rate_limit(self) -> RateLimit | None:
        return self._client.rate_limit

    @property
    def unheard(self) -> OciError | None:
        """None: a fault is raised."""
        return None

    def behind(self) -> None:
        """No registry stands behind it."""

    def ping(self) -> None:
        """Read the index.

        :raises OciError: it can't be had.
        """
        self._index()

    def open_ahead(self, most: int) -> None:
        """One answer is read after the other."""

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    # --- manifests ---------------------------------------------------------------------------------------

    def head_manifest(self, reference: str) -> ManifestHead | None:
        """What a version is; its file is fetched where it was never read before."""
        if not is_digest(reference):
            version = self._index().get(reference)
            if version is None:
                return None
            head = self._known.get(version.digest) if version.digest else None
            if head is not None and head.digest is not None:
                self._tags_of_digests[head.digest] = reference
                return head
        found = self.find_manifest(reference)
        return None if found is None else ManifestHead(found.digest, OCI_MANIFEST, len(found.body))

    def find_manifest(self, reference: str) -> Manifest | None:
        """The artifact that is made of a version's file; of a digest only where this version has it."""
        tag = reference if not is_digest(reference) else self._tags_of_digests.get(reference, self._tag)
        version = self._index().get(tag or "")
        if version is None:
            return None
        manifest = self._load(version).manifest
        return manifest if reference in (tag, manifest.digest) else None

    def get_manifest(self, reference: str) -> Manifest:
        """The manifest of a chart, by tag or digest.

        :raises OciError: ``not_found``; as :meth:`find_manifest`.
        """
        found = self.find_manifest(reference)
        if found is None:
            what = f"{self._chart}{'@' if is_digest(reference) else ':'}{reference}"
            raise OciError("not_found", IMAGE_NOT_FOUND, host=self.host, what=what)
        return found

    def list_tags(self, facts: dict[str, TagFacts] | None = None) -> Iterator[str]:
        """Its versions, as tags; the index has the dates."""
        versions = self._index()
        if facts is not None:
            facts |= {tag: TagFacts(updated_at=version.created) for tag, version in versions.items()}
        yield from versions

    def referrers_by_api(self, digest: str) -> tuple[Descriptor, ...]:
        """Nothing is attached to a chart here."""
        return ()

    def referrers_by_tag(self, digest: str) -> tuple[Descriptor, ...]:
        """See :attr:`may_keep_referrers_by_tag`."""
        return ()

    # --- blobs -------------------------------------------------------------------------------------------

    def head_blob(self, digest: str) -> int | None:
        content = self._content(digest)
        return len(content) if content is not None else None

    def read_blob(self, digest: str, size: int) -> bytes:
        """A file of a chart that was read before.

        :raises OciError: ``source_error``: it is of no file that was read.
        """
        content = self._content(digest)
        if content is None or len(content) != size:
            raise OciError("source_error", _NO_BLOB, host=self.host, digest=digest)
        return content

    def open_blob(self, digest: str, offset: int = 0) -> ByteStream:
        """As :meth:`read_blob`."""
        content = self._content(digest)
        if content is None:
            raise OciError("source_error", _NO_BLOB, host=self.host, digest=digest)
        return MemoryStream(content, offset, self.host)

    def open_range(self, digest: str, span: Span, cancel: CancelToken) -> BlobStream:
        """It is here as a whole.

        :raises NoRangesError: always.
        """
        raise NoRangesError("a chart is read as a whole")

    def blob_failed(self, digest: str, *, lied: bool = False) -> None:
        """There is only this place."""

    def _content(self, digest: str) -> bytes | None:
        with self._lock:
            return self._held[1].blobs.get(digest) if self._held is not None else None

    # --- what is fetched ---------------------------------------------------------------------------------

    def _index(self) -> dict[str, ChartVersion]:
        with self._lock:
            if self._versions is None:
                self._versions = self._client.retrier.run(self._read_index)
            return self._versions

    def _read_index(self) -> dict[str, ChartVersion]:
        stream = self._open(self._index_url)
        try:
            found = read_index(self._body(stream, self._index_url, CHART_INDEX_BYTES), self._chart)
        except (yaml.YAMLError, UnicodeError):
            raise confused("source", self.host, "its index.yaml can't be read") from None
        finally:
            stream.close()
        if found is None:
            raise OciError("not_found", _NO_CHART, host=self.host, chart=self._chart)
        return found

    def _load(self, version: ChartVersion) -> Chart:
        with self._lock:
            if self._held is not None and self._held[0] == version.tag:
                return self._held[1]
            self._held = None
            chart = self._client.retrier.run(lambda: self._fetch(version))
            manifest = chart.manifest
            self._held = version.tag, chart
            self._tags_of_digests[manifest.digest] = version.tag
            head = ManifestHead(manifest.digest, OCI_MANIFEST, len(manifest.body))
            self._known.put(manifest.layers[0].digest, head)
            return chart

    def _fetch(self, version: ChartVersion) -> Chart:
        if version.url.startswith("oci://"):
            raise OciError("not_found", _ELSEWHERE, host=self.host, url=version.url)
        url = self._client.session.follow(self._index_url, version.url)
        stream = self._open(url)
        try:
            data = self._body(stream, url, CHART_BYTES).read()
        finally:
            stream.close()
        found = digest_of(data)
        if version.digest and found != version.digest:
            raise digest_differs(stream.host, version.digest, found)
        try:
            return chart_of(data)
        except BadChartError as error:
            raise confused("source", stream.host, f"{url.path} is no chart: {error}") from None

    def _open(self, url: Url) -> BlobStream:
        """An answer's body, a document; the credential is shown to the repository's own host only.

        :raises RetryableError:
        :raises OciError: as :meth:`oci.registry.session.Session.accepted`.
        """
        session = self._client.session
        response = session.ask("GET", url, scopes=(), headers=[("Accept", "*/*")])
        session.accepted(response, url.path, 200).as_document()
        return BlobStream(session, response, skip=0, offset=0)

    def _body(self, stream: BlobStream, url: Url, most: int) -> Body:
        return Body(stream, what=url.path, most=most, alive=self._alive)
