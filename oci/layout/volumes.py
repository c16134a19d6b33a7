"""Which content stands in which volume, and where. Pure: sizes in, places out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oci.layout.index_writer import front
from oci.layout.tar_writer import END, blob_member
from oci.limits import ARCHIVE_VOLUMES


class VolumeTooSmallError(ValueError):
    """A volume has room for its index and nothing else."""


@dataclass(frozen=True, slots=True)
class Place:
    """``volume`` counts from one; ``offset``: of the member, from the first blob of the volume, in bytes."""

    volume: int
    offset: int


def place_all(blobs: Iterable[tuple[str, int]], most: int | None) -> list[Place]:
    """Fill volumes in order.

    :param blobs: digest and size of each.
    :param most: bytes of blobs in a volume; what is larger has one to itself. None: all in one.
    """
    places = []
    volume, offset = 1, 0
    for digest, size in blobs:
        room = blob_member(digest, size).room
        if most is not None and offset and offset + room > most:
            volume, offset = volume + 1, 0
        places.append(Place(volume, offset))
        offset += room
    return places


def front_size(document: str, number: int, count: int) -> int:
    """Bytes before the first blob of a volume."""
    return sum(member.room for member, _ in front(document, number, count))


def volume_sizes(document: str, blobs: Sequence[tuple[str, int]], places: Sequence[Place]) -> list[int]:
    """Bytes of each volume; one of no blobs where there are none."""
    count = max((place.volume for place in places), default=1)
    filled = [0] * count
    for (digest, size), place in zip(blobs, places, strict=True):
        filled[place.volume - 1] += blob_member(digest, size).room
    return [
        front_size(document, number, count) + blobs_size + len(END)
        for number, blobs_size in enumerate(filled, start=1)
    ]


def room_for_blobs(document: str, volume_bytes: int | None) -> int | None:
    """What a volume of so many bytes has left for blobs, whichever its number; None: as much as there is.

    :raises VolumeTooSmallError: it is too small for its index.
    """
    if volume_bytes is None:
        return None
    left = volume_bytes - front_size(document, ARCHIVE_VOLUMES, ARCHIVE_VOLUMES) - len(END)
    if left <= 0:
        raise VolumeTooSmallError(f"a volume of {volume_bytes} bytes has no room for its index")
    return left
