"""What images of an archive are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stack.sample import Image
from tests.oci.layout.opening import ONE, archive_of
from tests.support.content.archives import IMAGE_NAME, LAYOUT, REF_NAME, blobs_of, tar


def named(image: Image, annotations: dict[str, str]) -> bytes:
    index = {"schemaVersion": 2, "manifests": [image.manifest.descriptor(annotations=annotations)]}
    members = [("oci-layout", LAYOUT), ("index.json", json.dumps(index).encode())]
    return tar([*members, *((f"blobs/{d.replace(':', '/')}", c) for d, c in blobs_of([image]).items())])


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ({REF_NAME: "nginx:1.27"}, "nginx:1.27"),
        ({REF_NAME: "1.27", IMAGE_NAME: "docker.io/library/nginx:1.27"}, "nginx:1.27"),
        ({IMAGE_NAME: "ghcr.io/team/app:v1"}, "team/app:v1"),
        ({REF_NAME: "localhost:5000/team/app:v1"}, "team/app:v1"),
        ({REF_NAME: "team/app"}, "team/app:latest"),
        ({REF_NAME: "1.27"}, "my-file:1.27"),
        ({}, "my-file:latest"),
        ({REF_NAME: "nginx:1.27@sha256:" + "0" * 64}, "nginx:1.27"),
        ({REF_NAME: "UPPER:1"}, "my-file:latest"),
    ],
)
def test_images_are_called_as_their_writers_call_them(
    tmp_path: Path, annotations: dict[str, str], name: str
) -> None:
    archive = archive_of(tmp_path, named(ONE, annotations), names=["My File.tar.gz"])
    assert list(archive.images) == [name]
    archive.close()
