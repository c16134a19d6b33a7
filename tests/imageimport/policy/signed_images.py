"""Images, signers, and imports of them."""

from __future__ import annotations

import base64
from typing import Any

from imageimport.models import ImportTask, TrustAnchor
from imageimport.policy import trust
from imageimport.policy.trust import NewTrust
from projects.models import Project
from stack.sample import Blob, Image, index_of
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.content.signing import Key, keyless_corpus
from tests.support.factories import TaskFactory

KEY, STRANGER = Key(), Key("stranger")
NAME = "library/app"
AMD = random_image([3_000], seed=41)
INDEX = index_of([AMD, random_image([3_000], seed=42, platform="linux/arm64")])
CORPUS = keyless_corpus()
#: The image that sigstore's own makers signed.
SIGNED = Image(
    Blob("application/vnd.oci.image.manifest.v1+json", base64.b64decode(CORPUS["manifest"])),
    (
        Blob("application/vnd.oci.image.config.v1+json", b"{}"),
        Blob("application/vnd.oci.image.layer.v1.tar", b"a layer"),
    ),
)


def trusted(project: Project | None, **more: Any) -> TrustAnchor:
    usual = {"name": "release", "kind": "key", "public_key": KEY.pem}
    return trust.create(project=project, user=None, wanted=NewTrust(**{**usual, **more}))


def task_for(project: Project, source: ScriptedRegistry, **more: Any) -> ImportTask:
    image = f"{source.server_name}/{NAME}:v1"
    usual = {"image_url": image, "source_image": image, "source_registry": source.server_name}
    made: ImportTask = TaskFactory(project=project, target_name="app", target_tag="v1", **{**usual, **more})
    return made
