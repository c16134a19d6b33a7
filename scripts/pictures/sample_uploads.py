"""Sample files of images: one that has come, with images in every state of a plan, and one on its way."""

from __future__ import annotations

import io
import json
import tarfile

from django.contrib.auth.models import User

from imageimport.bundles import uploads
from imageimport.models import BundleUpload
from projects.models import Image as Row
from projects.models import Project
from stack.sample import Image, file_layer, image_of, index_of

_NAME = "org.opencontainers.image.ref.name"


def fill(project: Project, user: User) -> None:
    """Both files, and the tags that the plan finds."""
    content = _layout()
    whole = uploads.create(project=project, user=user, length=len(content), file_name="site-b-2026-11.tar.gz")
    uploads.receive(upload=whole, offset=0, stream=io.BytesIO(content), length=len(content))
    uploads.create(project=project, user=user, length=4_800_000_000, file_name="models.1-of-3.tar")
    BundleUpload.objects.filter(file_name__startswith="models").update(offset=1_730_000_000)
    here = _images()["tools/backup:2.4"]
    Row.objects.create(project=project, repository="tools/backup", tag="2.4", digest=here.digest, size=4_000)


def _images() -> dict[str, Image]:
    layers = {name: file_layer({name: name.encode() * 400}) for name in ("base", "backup", "web", "arm")}
    web = [
        image_of([layers["base"], layers["web"]]),
        image_of([layers["arm"]], platform="linux/arm64"),
    ]
    return {
        "nginx:1.27-alpine": index_of(web),
        "tools/backup:2.4": image_of([layers["base"], layers["backup"]]),
        "platform/ingress/controller-with-a-long-name:release-2026.11.24": web[0],
    }


def _layout() -> bytes:
    images = _images()
    entries = [image.manifest.descriptor(annotations={_NAME: name}) for name, image in images.items()]
    members = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": entries}).encode(),
    }
    for image in images.values():
        for blob in (*image.all_manifests(), *image.all_blobs()):
            members[f"blobs/{blob.digest.replace(':', '/')}"] = blob.data
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
