"""Parts of blobs of a registry that breaks off, lies, or lost them."""

from __future__ import annotations

import pytest

from oci.errors import OciError
from oci.layout.blob_bytes import BlobBytes, ManifestBytes
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry, cut
from tests.oci.copying import client

IMAGE = random_image([700_000], seed=31)
LAYER = next(blob for blob in IMAGE.all_blobs() if len(blob.data) > 600_000)


@pytest.fixture
def there(source: ScriptedRegistry) -> Repository:
    source.add_image("app", "1", IMAGE)
    return Repository(client(source, "target"), "app")


def read(there: Repository, start: int, end: int) -> bytes:
    return b"".join(BlobBytes(there, LAYER.digest, len(LAYER.data))(start, end))


def test_parts_are_what_was_asked_for(there: Repository) -> None:
    size = len(LAYER.data)
    for start, end in ((0, size), (0, 1), (300_000, 300_001), (size - 1, size), (1, size - 1)):
        assert read(there, start, end) == LAYER.data[start:end]


def test_what_breaks_off_goes_on_where_it_stopped(there: Repository, source: ScriptedRegistry) -> None:
    source.rule("GET", LAYER.digest, cut(500_000), times=1)
    assert read(there, 0, len(LAYER.data)) == LAYER.data
    asked = [each.headers.get("range") for each in source.seen("GET", LAYER.digest)]
    assert len(asked) == 2
    assert asked[1] is not None


def test_the_last_bytes_of_a_spoilt_blob_are_held_back(there: Repository, source: ScriptedRegistry) -> None:
    spoilt = bytearray(LAYER.data)
    spoilt[1000] ^= 1
    source.repository("app").blobs[LAYER.digest] = bytes(spoilt)
    came = 0
    with pytest.raises(OciError) as failed:
        for piece in BlobBytes(there, LAYER.digest, len(LAYER.data))(0, len(LAYER.data)):
            came += len(piece)
    assert failed.value.code == "digest_mismatch"
    assert came < len(LAYER.data)


@pytest.mark.parametrize("start", [1, 1000, 1001, 500_000, len(LAYER.data) - 1])
def test_a_part_that_has_the_end_of_a_spoilt_blob_never_gives_its_last_byte(
    there: Repository, source: ScriptedRegistry, start: int
) -> None:
    spoilt = bytearray(LAYER.data)
    spoilt[1000] ^= 1
    source.repository("app").blobs[LAYER.digest] = bytes(spoilt)
    came, size = 0, len(LAYER.data)
    with pytest.raises(OciError) as failed:
        for piece in BlobBytes(there, LAYER.digest, size)(start, size):
            came += len(piece)
    assert failed.value.code == "digest_mismatch"
    assert came < size - start
    assert read(there, start, size - 1) == bytes(spoilt[start : size - 1])


def test_a_part_that_is_hashed_from_the_start_is_tried_again_where_the_line_breaks(
    there: Repository, source: ScriptedRegistry
) -> None:
    source.rule("GET", LAYER.digest, cut(300_000), times=1)
    assert read(there, 600_000, len(LAYER.data)) == LAYER.data[600_000:]
    assert len(source.seen("GET", LAYER.digest)) == 2


def test_a_blob_of_another_size_and_one_that_is_gone_end_it(
    there: Repository, source: ScriptedRegistry
) -> None:
    with pytest.raises(OciError) as shorter:
        list(BlobBytes(there, LAYER.digest, len(LAYER.data) + 1)(0, 10))
    assert shorter.value.code == "digest_mismatch"
    del source.repository("app").blobs[LAYER.digest]
    with pytest.raises(OciError) as gone:
        read(there, 0, 10)
    assert gone.value.code == "target_error"


def test_a_manifest_is_read_in_parts_too(there: Repository) -> None:
    body = IMAGE.manifest.data
    content = ManifestBytes(there, IMAGE.digest, len(body))
    assert b"".join(content(3, 20)) == body[3:20]
    with pytest.raises(OciError):
        list(ManifestBytes(there, IMAGE.digest, len(body) + 1)(0, 1))
