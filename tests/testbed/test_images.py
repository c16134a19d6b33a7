"""The images that tests and benchmarks are made of are what they say they are."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from stack.sample import OCI_LAYER_GZIP
from testbed.images import STORED_BLOCK, random_layer


@pytest.mark.parametrize("size", [2_560, 10_000, STORED_BLOCK, 3 * STORED_BLOCK + 1, 1_000_003])
def test_a_random_layer_is_a_compressed_archive_of_exactly_its_size(size: int) -> None:
    layer = random_layer(size, seed=7)
    assert (layer.blob.size, layer.blob.media_type) == (size, OCI_LAYER_GZIP)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.blob.data))) as archive:
        (member,) = archive.getmembers()
        assert member.size > size - 2_600
    assert layer == random_layer(size, seed=7) != random_layer(size, seed=8)


def test_a_random_layer_is_never_too_small_for_a_file() -> None:
    assert random_layer(1, seed=7).blob.size == 2_560
