"""What goes into which volume, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.layout.index_writer import index_document
from oci.layout.tar_writer import blob_member
from oci.layout.volumes import Place, VolumeTooSmallError, place_all, room_for_blobs, volume_sizes

DOCUMENT = index_document(entries=[], bundle_id="x", digests=[], base=[])


def digests(count: int) -> list[str]:
    return [f"sha256:{number:064x}" for number in range(count)]


def test_what_does_not_fit_begins_the_next_volume_and_what_is_too_large_has_one_to_itself() -> None:
    sizes = [512, 512, 5000, 512]
    found = place_all(zip(digests(4), sizes, strict=True), 2048)
    assert found == [Place(1, 0), Place(1, 1024), Place(2, 0), Place(3, 0)]


def test_without_a_size_there_is_one_volume() -> None:
    assert place_all(zip(digests(2), [10**12, 1], strict=True), None)[1].volume == 1
    assert len(volume_sizes(DOCUMENT, [], [])) == 1


@given(st.lists(st.integers(0, 9000), max_size=30), st.integers(4000, 20_000))
def test_no_volume_is_larger_than_asked_unless_one_blob_is(sizes: list[int], most: int) -> None:
    blobs = list(zip(digests(len(sizes)), sizes, strict=True))
    room = room_for_blobs(DOCUMENT, most)
    places = place_all(blobs, room)
    assert [place.volume for place in places] == sorted(place.volume for place in places)
    for number, size in enumerate(volume_sizes(DOCUMENT, blobs, places), start=1):
        held = [blob for blob, place in zip(blobs, places, strict=True) if place.volume == number]
        assert size <= most or len(held) == 1
        ends = 0
        for blob, place in zip(blobs, places, strict=True):
            if place.volume == number:
                assert place.offset == ends
                ends += blob_member(*blob).room


def test_a_volume_without_room_for_its_index_is_refused() -> None:
    with pytest.raises(VolumeTooSmallError, match="no room"):
        room_for_blobs(DOCUMENT, 2048)
