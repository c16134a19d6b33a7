"""Images with configurations, histories, SBOMs and files of one's own choosing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from oci.registry.blobs import MemoryStream
from oci.spec.manifest import Descriptor, Manifest, parse_manifest
from projects.contents import reading
from projects.models import Image as Row
from projects.models import Project
from stack.sample import OCI_CONFIG, OCI_MANIFEST, Blob, Image, Layer, file_layer

EMPTY = Blob("application/vnd.oci.empty.v1+json", b"{}")
SPDX = {
    "spdxVersion": "SPDX-2.3",
    "packages": [
        {"name": "image", "SPDXID": "SPDXRef-DocumentRoot-Image-x", "primaryPackagePurpose": "CONTAINER"},
        {
            "name": "openssl",
            "versionInfo": "3.0.1",
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "Apache-2.0",
            "externalRefs": [
                {"referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:x"},
                {"referenceType": "purl", "referenceLocator": "pkg:deb/debian/openssl@3.0.1?arch=amd64"},
            ],
        },
        {"name": "zlib", "versionInfo": "1.3", "licenseConcluded": "Zlib", "licenseDeclared": "Zlib"},
    ],
}
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [
        {"type": "operating-system", "name": "debian", "version": "12"},
        {
            "type": "library",
            "name": "requests",
            "version": "2.32.0",
            "purl": "pkg:pypi/requests@2.32.0",
            "licenses": [{"license": {"id": "Apache-2.0"}}, {"expression": "MIT OR BSD-3-Clause"}],
            "components": [
                {"type": "library", "name": "urllib3", "version": "2.2", "purl": "pkg:pypi/urllib3@2.2"}
            ],
        },
    ],
}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def statement(predicate: Mapping[str, Any], predicate_type: str) -> bytes:
    """An in-toto statement, as BuildKit writes it."""
    return as_json(
        {
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def envelope(payload: bytes) -> bytes:
    """A DSSE envelope, as cosign writes it."""
    encoded = base64.b64encode(payload).decode()
    return as_json(
        {"payloadType": "application/vnd.in-toto+json", "payload": encoded, "signatures": [{"sig": "eA=="}]}
    )


def made(config: Mapping[str, Any], layers: Sequence[Layer], **manifest: Any) -> Image:
    """An image with exactly this configuration."""
    blob = Blob(OCI_CONFIG, as_json(config))
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob.descriptor(),
        "layers": [layer.blob.descriptor() for layer in layers],
        **manifest,
    }
    return Image(Blob(OCI_MANIFEST, as_json(body)), (blob, *(layer.blob for layer in layers)))


def simple(text: str, **config: Any) -> Image:
    """An image of one layer with one file."""
    layer = file_layer({"file": text.encode()})
    return made(
        {"os": "linux", "architecture": "amd64", "config": config, "history": [{"created_by": text}]}, [layer]
    )


def holding(
    content: bytes, media_type: str, *, annotations: Mapping[str, str] | None = None, **manifest: Any
) -> Image:
    """An artifact of one layer: what holds an SBOM."""
    layer = Blob(media_type, content)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": EMPTY.descriptor(),
        "layers": [layer.descriptor(**({"annotations": annotations} if annotations else {}))],
        **manifest,
    }
    return Image(Blob(OCI_MANIFEST, as_json(body)), (EMPTY, layer))


def row_of(project: Project, repository: str, tag: str, image: Image, **values: Any) -> Row:
    """The portal's row of an image that was pushed."""
    return Row.objects.create(
        project=project,
        repository=repository,
        tag=tag,
        digest=image.digest,
        media_type=image.manifest.media_type,
        size=1,
        **values,
    )


class OneImage:
    """Stands where a repository would, and holds one image with one SBOM under whatever digest is asked for: for
    tests of roles and pages that are not about what a registry says."""

    name = "team/app"
    host = "registry.test"
    sbom = holding(as_json(SPDX), "application/spdx+json", artifactType="application/spdx+json")
    image = simple(
        "one", Env=["PATH=/bin"], Labels={"org.opencontainers.image.source": "https://example.test/x"}
    )

    @property
    def client(self) -> OneImage:
        return self

    @property
    def retrier(self) -> OneImage:
        return self

    def run(self, operation: Callable[[], Any]) -> Any:
        return operation()

    def get_manifest(self, digest: str) -> Manifest:
        made = self.sbom if digest == self.sbom.digest else self.image
        return parse_manifest(made.manifest.data, made.manifest.media_type, expected_digest=None)

    def _blob(self, digest: str) -> bytes:
        blobs = (*self.image.blobs, *self.sbom.blobs)
        return next(blob.data for blob in blobs if blob.digest == digest)

    def read_blob(self, digest: str, _size: int) -> bytes:
        return self._blob(digest)

    def head_blob(self, digest: str) -> int:
        return len(self._blob(digest))

    def open_blob(self, digest: str, offset: int = 0) -> MemoryStream:
        return MemoryStream(self._blob(digest), offset, self.host)

    def head_manifest(self, _reference: str) -> None:
        return None

    def referrers(self, _digest: str) -> tuple[Descriptor, ...]:
        return (Descriptor(self.sbom.manifest.media_type, self.sbom.digest, self.sbom.manifest.size),)

    @classmethod
    def answers(cls, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let it answer for every repository."""

        @contextmanager
        def opened(*_: Any, **__: Any) -> Iterator[OneImage]:
            yield cls()

        monkeypatch.setattr(reading, "opened_repository", opened)
        # What it says is under whatever digest: nothing to remember.
        monkeypatch.setattr(reading.Place, "_keep", lambda *_: None)


#: The digest of its SBOM.
SBOM = OneImage.sbom.blobs[1].digest
