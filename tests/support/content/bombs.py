"""Small indexes that name one another and one image's layers a thousand times each: within every limit, and a billion
steps for code that takes each of them.
"""

from __future__ import annotations

import json
from typing import Any

from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from stack.sample import Blob, Image

#: Of a configuration that registries hold.
CONFIG = Blob(OCI_CONFIG, b'{"os":"linux","architecture":"amd64"}')
LAYER = "application/vnd.oci.image.layer.v1.tar"


def layer(number: int, size: int = 7) -> dict[str, Any]:
    """A descriptor of a layer that is nowhere."""
    return {"mediaType": LAYER, "digest": f"sha256:{number:064x}", "size": size}


def image(layers: list[dict[str, Any]], config: Blob = CONFIG) -> Manifest:
    """An image of these layers."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": layers,
    }
    return parse_manifest(json.dumps(document).encode(), OCI_MANIFEST, expected_digest=None)


def index(children: list[Manifest], **more: Any) -> Manifest:
    """An index of these children, as often as they are in the list."""
    entries = [{"mediaType": each.media_type, "digest": each.digest, "size": each.size} for each in children]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **more}
    return parse_manifest(json.dumps(document).encode(), OCI_INDEX, expected_digest=None)


def cubic(times: int = 1000, layers: list[dict[str, Any]] | None = None) -> list[Manifest]:
    """Three manifests, the outermost last: ``times`` × ``times`` × the number of layers ways to a blob."""
    single = image(layers if layers is not None else [layer(number) for number in range(times)])
    middle = index([single] * times)
    return [single, middle, index([middle] * times)]


def layered(wide: int = 28) -> list[Manifest]:
    """Four levels of ``wide`` different manifests below the outermost, each naming all of the next; it comes last."""
    images = [
        image([layer(3 * number + place, size=number + place) for place in range(3)])
        for number in range(wide)
    ]
    level = images
    made = [*images]
    for depth in range(3):
        level = [index(level, annotations={"number": f"{depth}.{number}"}) for number in range(wide)]
        made += level
    return [*made, index(level * (1000 // wide))]


def pushable(manifests: list[Manifest]) -> Image:
    """The outermost of them as an image that can be pushed; the only blob is :data:`CONFIG`."""
    made = Image(Blob(manifests[0].media_type, manifests[0].body), (CONFIG,))
    for each in manifests[1:]:
        made = Image(Blob(each.media_type, each.body), (), (made,))
    return made
