"""Layers are read once, by one worker, and what is wrong with one is told where it is."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from oci.contents.file_index import Record
from oci.errors import OciError
from projects.contents import indexing, reading
from projects.models import ImageBlob, LayerIndex
from stack.sample import OCI_LAYER, Blob, Image, Layer, file_layer
from testbed.services import RegistryServer
from tests.projects.contents.file_layers import CONFIG, ask, indexed, tar_layer
from tests.support.content.inside import as_json, made, row_of
from tests.support.people import Team

pytestmark = pytest.mark.django_db


def test_a_worker_that_stops_leaves_the_layer_to_the_next(team: Team, registry: RegistryServer) -> None:
    layer = file_layer({"a": b"1"})
    image = made(CONFIG, [layer])
    registry.push("filesof/stopped", "1", image)
    row = row_of(team.project, "stopped", "1", image)
    assert indexing.index_image(row.pk, "", stop=lambda: True) == 0
    LayerIndex.objects.create(digest=layer.blob.digest, bytes_done=5)
    assert ask(team, row, "files", 202).json()["state"] == "indexing"
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 1
    assert [each["name"] for each in ask(team, row, "files").json()["entries"]] == ["a"]


def resized(image: Image, size: int) -> Image:
    """The image with a manifest that names another size of its first layer."""
    body = json.loads(image.manifest.data)
    body["layers"][0]["size"] = size
    return Image(Blob(image.manifest.media_type, as_json(body)), image.blobs)


def test_what_one_manifest_says_wrongly_of_a_layer_is_told_there_and_nowhere_else(
    team: Team, registry: RegistryServer
) -> None:
    layer = file_layer({"shared": b"1" * 100})
    right = made(CONFIG, [layer])
    wrong = resized(right, 10)
    registry.push("filesof/wrong", "1", wrong)
    row = row_of(team.project, "wrong", "1", wrong)
    with pytest.raises(OciError):
        indexing.index_image(row.pk, "", stop=lambda: False)
    assert ask(team, row, "files", 502).json()["code"] == "digest_mismatch"
    # Another repository is not told of it, and its worker reads the layer at once.
    registry.push("filesof/right", "1", right)
    there = row_of(team.project, "right", "1", right)
    assert ask(team, there, "files", 202).json()["state"] == "indexing"
    assert indexing.index_image(there.pk, "", stop=lambda: False) == 1
    assert [each["name"] for each in ask(team, there, "files").json()["entries"]] == ["shared"]


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(lambda data: b"\x1f\x8b" + bytes(len(data) - 2), id="no-layer"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut"),
    ],
)
def test_bytes_that_are_not_those_of_the_digest_say_nothing_about_the_layer(
    team: Team, registry: RegistryServer, damaged: Callable[[bytes], bytes]
) -> None:
    """Whether what is wrong is noticed in the layer first, or in what was sent."""
    layer = file_layer({"a": random.Random(1).randbytes(5000)})
    image = made(CONFIG, [layer])
    registry.push("filesof/damaged", "1", image)
    row = row_of(team.project, "damaged", "1", image)
    digits = layer.blob.digest.partition(":")[2]
    stored = registry.plan.directory / f"data/docker/registry/v2/blobs/sha256/{digits[:2]}/{digits}/data"
    stored.write_bytes(damaged(layer.blob.data))
    with pytest.raises(OciError) as caught:
        indexing.index_image(row.pk, "", stop=lambda: False)
    assert caught.value.code == "digest_mismatch"
    assert LayerIndex.objects.get().state == LayerIndex.State.READING
    stored.write_bytes(layer.blob.data)
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 1
    assert [each["name"] for each in ask(team, row, "files").json()["entries"]] == ["a"]


def test_a_registry_that_breaks_the_protocol_says_nothing_about_the_layer(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = file_layer({"a": random.Random(1).randbytes(5000)})
    image = made(CONFIG, [layer])
    registry.push("filesof/confused", "1", image)
    row = row_of(team.project, "confused", "1", image)

    def chunks(_place: object, _blob: object) -> Iterator[bytes]:
        yield layer.blob.data[:2000]
        raise OciError("protocol_error", "its chunks are malformed")

    with monkeypatch.context() as patch, pytest.raises(OciError) as caught:
        patch.setattr(reading.Place, "_chunks", chunks)
        indexing.index_image(row.pk, "", stop=lambda: False)
    assert caught.value.code == "protocol_error"
    assert LayerIndex.objects.get().state == LayerIndex.State.READING
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 1


def test_a_worker_whose_claim_another_took_over_changes_nothing_of_what_that_one_read(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_TELL_SECONDS", 0)
    image = made(CONFIG, [file_layer({"a": b"1"})])
    registry.push("filesof/twice", "1", image)
    row = row_of(team.project, "twice", "1", image)
    asked: list[int] = []

    def slow() -> bool:
        """The claim ends while the worker reads, and another one reads the layer meanwhile."""
        asked.append(1)
        if len(asked) == 2:
            LayerIndex.objects.update(claimed_until=None)
            indexing.index_image(row.pk, "", stop=lambda: False)
        return False

    indexing.index_image(row.pk, "", stop=slow)
    assert len(asked) >= 2
    index = LayerIndex.objects.get()
    assert (index.state, index.parts.count()) == (LayerIndex.State.DONE, 1)
    assert [each["name"] for each in ask(team, row, "files").json()["entries"]] == ["a"]


def test_a_worker_that_expands_a_small_layer_for_long_keeps_its_claim_and_ends_when_it_is_told(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_TELL_SECONDS", 0)
    plain = tar_layer(("zeros", tarfile.REGTYPE, "", bytes(8 * 1024 * 1024)))
    image = made(CONFIG, [Layer(Blob(OCI_LAYER, gzip.compress(plain.blob.data)), "")])
    registry.push("filesof/zeros", "1", image)
    row = row_of(team.project, "zeros", "1", image)
    asked = itertools.count()
    assert indexing.index_image(row.pk, "", stop=lambda: next(asked) < 0) == 1
    assert next(asked) > 8 * 4
    LayerIndex.objects.all().delete()
    asked = itertools.count()
    indexing.index_image(row.pk, "", stop=lambda: next(asked) > 5)
    assert LayerIndex.objects.get().state == LayerIndex.State.READING


def test_parts_are_cut_by_their_bytes_as_well() -> None:
    records = [Record("/", f"{number:04}", type="symlink", target="t" * 4000) for number in range(200)]
    parts = list(indexing._parts(records))
    assert max(len(part.content) for part in parts) <= indexing.PART_BYTES + 2 * 1000
    assert len(parts) == 4
    assert [Record.load(row) for part in parts for row in json.loads(part.content)] == records
    assert [part.first for part in parts] == [Record.load(json.loads(part.content)[0]).key for part in parts]


def test_no_more_layers_are_read_at_once_than_there_are_places(team: Team, registry: RegistryServer) -> None:
    image = made(CONFIG, [file_layer({"b": b"1"})])
    registry.push("filesof/busy", "1", image)
    row = row_of(team.project, "busy", "1", image)
    for number in range(indexing.MAX_AT_ONCE):
        LayerIndex.objects.create(
            digest=f"sha256:{number}", claimed_until=indexing.CLAIMS.until(timezone.now())
        )
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 0


def test_an_index_goes_with_the_last_image_that_has_the_layer(team: Team, registry: RegistryServer) -> None:
    row = indexed(team, registry, "kept", [file_layer({"c": b"1"})])
    layer = LayerIndex.objects.get()
    LayerIndex.objects.update(created_at=layer.created_at - indexing.KEPT * 2)
    ImageBlob.objects.create(image=row, project=row.project, digest=layer.digest)
    assert indexing.forget_unused() == 0
    row.delete()
    assert indexing.forget_unused() > 0
    assert not LayerIndex.objects.exists()


def two_layered(team: Team, registry: RegistryServer, name: str) -> Any:
    image = made(CONFIG, [file_layer({name: b"1"}), file_layer({name: b"2"})])
    registry.push(f"filesof/{name}", "1", image)
    return row_of(team.project, name, "1", image)


def test_for_one_account_one_layer_is_read_at_a_time_and_another_has_its_own(
    team: Team, registry: RegistryServer
) -> None:
    images = [two_layered(team, registry, name) for name in ("one", "two", "three")]
    beside: list[int] = []

    def look_at_more() -> bool:
        if not beside:
            beside.append(-1)
            for image, reader in ((images[1], 1), (images[2], 2)):
                beside.append(indexing.index_image(image.pk, "", reader=reader, stop=lambda: False))
        return False

    assert indexing.index_image(images[0].pk, "", reader=1, stop=look_at_more) == 2
    assert beside == [-1, 0, 2]
    assert indexing.index_image(images[1].pk, "", reader=1, stop=lambda: False) == 2


def test_who_waits_for_a_worker_has_it_after_a_layer(team: Team, registry: RegistryServer) -> None:
    """All but one of the places are taken; an account with two layers has the last one."""
    for number in range(indexing.MAX_AT_ONCE - 1):
        LayerIndex.objects.create(
            digest=f"sha256:{number}", claimed_until=indexing.CLAIMS.until(timezone.now())
        )
    first, second = (two_layered(team, registry, name) for name in ("first", "second"))
    calls = itertools.count()
    waited: list[int] = []

    def another_asks() -> bool:
        if next(calls) == 1:  # the first layer is being read
            waited.append(indexing.index_image(second.pk, "", reader=2, stop=lambda: False))
        return False

    assert indexing.index_image(first.pk, "", reader=1, stop=another_asks) == 1
    assert waited == [0]
    assert indexing.index_image(first.pk, "", reader=1, stop=lambda: False) == 0
    # They take turns, layer by layer.
    assert indexing.index_image(second.pk, "", reader=2, stop=lambda: False) == 1
    assert indexing.index_image(first.pk, "", reader=1, stop=lambda: False) == 1
    assert indexing.index_image(second.pk, "", reader=2, stop=lambda: False) == 1
