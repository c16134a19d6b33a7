"""Parts of a blob in memory: in order, no gap, no overlap, and never more than there is memory for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oci.cancel import CancelToken
from oci.copy.ranges.pieces import Piece, Pieces
from oci.limits import MAX_PIECE_BYTES, MIB, MIN_PIECE_BYTES
from oci.memory import ReadAhead

DATA = bytes(range(251)) * 80_000


def fill(piece: Piece, count: int) -> None:
    count = min(count, piece.end - piece.start - piece.filled)
    at = piece.start + piece.filled
    piece.allocated()[piece.filled : piece.filled + count] = DATA[at : at + count]
    piece.filled += count


@given(
    st.lists(
        st.tuples(st.sampled_from(["claim", "fill", "lose", "read"]), st.integers(1, 3 * MIB)), max_size=120
    ),
    st.integers(1, 16),
    st.integers(MIB, 8 * MIB),
)
def test_what_is_read_is_the_blob_whatever_comes_in_which_order(
    acts: list[tuple[str, int]], connections: int, most: int
) -> None:
    memory = ReadAhead(most)
    pieces, owned, found = Pieces(len(DATA), memory), [], b""
    for act, number in acts:
        if act == "claim" and (piece := pieces.claim(CancelToken(), connections)):
            owned.append(piece)
        elif act == "fill" and owned:
            piece = owned[number % len(owned)]
            fill(piece, number)
            owned = [each for each in owned if not each.is_whole]
        elif act == "lose" and owned:
            owned.pop(number % len(owned)).owner = None
        elif act == "read" and pieces:
            view = memoryview(bytearray(number))
            found += view[: pieces.take(len(found), view)]
        assert memory._held <= most
    assert DATA.startswith(found)
    pieces.restart(len(DATA))
    assert memory._held == 0


def test_the_part_that_is_needed_first_is_brought_first() -> None:
    pieces = Pieces(len(DATA), ReadAhead())
    first, second = (pieces.claim(CancelToken(), 4) for _ in range(2))
    assert first is not None and second is not None
    second.owner = None
    first.owner = None
    assert pieces.claim(CancelToken(), 4) is first
    assert pieces.claim(CancelToken(), 4) is second


def test_parts_get_smaller_towards_the_end() -> None:
    pieces = Pieces(40 * MIB, ReadAhead(64 * MIB))
    sizes = []
    while piece := pieces.claim(CancelToken(), 4):
        sizes.append(piece.end - piece.start)
    assert sum(sizes) == 40 * MIB
    assert sizes[0] == MAX_PIECE_BYTES
    assert sizes == sorted(sizes, reverse=True)
    assert all(each >= MIN_PIECE_BYTES for each in sizes[:-1])
