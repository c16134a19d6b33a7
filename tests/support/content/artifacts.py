"""What registries hold besides container images."""

from __future__ import annotations

import json

from stack.sample import OCI_MANIFEST, Blob, Image

HELM = "application/vnd.cncf.helm.config.v1+json"
POLICY = "application/vnd.example.policy.v1"


def chart(name: str = "podinfo", version: str = "6.5.0") -> Image:
    """A Helm chart as ``helm push`` makes it: its configuration's type says what it is."""
    config = Blob(HELM, json.dumps({"apiVersion": "v2", "name": name, "version": version}).encode())
    return _image(
        config, Blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart of " + name.encode())
    )


def of_types(config_type: str, layer_type: str) -> Image:
    """What names no platform, and says by the types of its configuration and its layer what it is."""
    return _image(Blob(config_type, b"{}"), Blob(layer_type, b"content"), mediaType=OCI_MANIFEST)


def artifact() -> Image:
    """What ``oras push --artifact-type`` makes: an empty configuration, and a type of its own."""
    config = Blob("application/vnd.oci.empty.v1+json", b"{}")
    layer = Blob("text/plain", b"allow everything")
    return _image(config, layer, mediaType=OCI_MANIFEST, artifactType=POLICY)


def _image(config: Blob, layer: Blob, **more: str) -> Image:
    document = {"schemaVersion": 2, **more, "config": config.descriptor(), "layers": [layer.descriptor()]}
    return Image(Blob(OCI_MANIFEST, json.dumps(document).encode()), (config, layer))
