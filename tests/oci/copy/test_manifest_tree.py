"""Indexes within indexes: bounds, repeats, and what does not fit together."""

from __future__ import annotations

import json

import pytest

from oci.errors import OciError
from oci.memory import MemoryBudget
from stack.sample import OCI_INDEX, OCI_MANIFEST, Blob, Image
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import EMPTY, index
from tests.oci.copying import copier, run

IMAGE = random_image([4_096], seed=95)


def _nested(depth: int) -> Image:
    image = IMAGE
    for _ in range(depth):
        image = index([(image, {})])
    return image


def test_four_indexes_deep_is_fine(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", _nested(4))
    assert run(copier(source, target)).image.digest == _nested(4).digest


def test_five_are_beyond_the_limit(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", _nested(5))
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "limit_exceeded"


def test_the_children_of_all_indexes_count_together(
    source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.copy.manifest_tree.CHILDREN", 5)
    halves = [
        index([(random_image([2_048], seed=200 + 10 * half + n), {}) for n in range(3)]) for half in (0, 1)
    ]
    source.add_image("library/app", "v1", index([(half, {}) for half in halves]))
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "limit_exceeded"


def test_a_child_named_many_times_is_read_and_pushed_once(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    image = index([(IMAGE, {})] * 300)
    source.add_image("library/app", "v1", image)
    assert run(copier(source, target)).image.digest == image.digest
    assert len(source.seen("GET", f"/manifests/{IMAGE.digest}")) == 1
    assert len(target.seen("PUT", f"/manifests/{IMAGE.digest}")) == 1


def test_one_digest_of_two_sizes_is_refused(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    def sized(size: int) -> Image:
        layer = {"mediaType": "application/octet-stream", "digest": IMAGE.blobs[1].digest, "size": size}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": EMPTY.descriptor(),
            "layers": [layer],
        }
        return Image(Blob(OCI_MANIFEST, json.dumps(document).encode()), (EMPTY,))

    source.add_image("library/app", "v1", index([(sized(4), {}), (sized(5), {})]))
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "unsupported_manifest"


def test_an_index_that_names_itself_cannot_be_and_is_refused(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    entry = {"mediaType": OCI_INDEX, "digest": "sha256:" + "e" * 64, "size": 100}
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    source.add_manifest("library/app", "v1", body, OCI_INDEX)
    source.repository("library/app").manifests["sha256:" + "e" * 64] = (OCI_INDEX, body)
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "digest_mismatch"


def test_a_manifest_beyond_the_memory_for_all_is_refused(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    children = [random_image([2_048], seed=100 + n) for n in range(5)]
    source.add_image("library/app", "v1", index([(child, {}) for child in children]))
    with pytest.raises(OciError) as caught:
        run(copier(source, target, documents=MemoryBudget(10_000)))
    assert caught.value.code == "limit_exceeded"
