"""How many blobs of one import are in flight at once."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from oci.copy.turns import Turns
from oci.limits import BUFFER_BYTES

SMALL, LARGE = 1_000, BUFFER_BYTES + 1


def fits(turns: Turns, size: int, *, seconds: float = 0.3) -> bool:
    """Whether one more blob of this size gets its turn within so long, without another one ending first."""
    began, end = threading.Event(), threading.Event()

    def move() -> None:
        with turns.of(size):
            began.set()
            end.wait(60)

    mover = threading.Thread(target=move, daemon=True)
    mover.start()
    here = began.wait(seconds)
    end.set()
    return here


@pytest.mark.parametrize(("size", "most"), [(SMALL, 16), (LARGE, 4)])
def test_small_blobs_fill_the_line_and_large_ones_the_target(size: int, most: int) -> None:
    turns = Turns(target=4, source=16, share=None)
    with ExitStack() as taken:
        for _ in range(most):
            taken.enter_context(turns.of(size))
        assert not fits(turns, size)
    assert fits(turns, size, seconds=30)


def test_a_large_blob_takes_the_place_of_the_small_ones_it_is_worth() -> None:
    turns = Turns(target=4, source=16, share=None)
    with ExitStack() as taken:
        taken.enter_context(turns.of(LARGE))
        for _ in range(12):
            taken.enter_context(turns.of(SMALL))
        assert not fits(turns, SMALL)


def test_small_blobs_wait_for_one_another_only_at_the_target() -> None:
    turns = Turns(target=1, source=8, share=None)
    with turns.of(SMALL) as first, turns.of(SMALL) as second:
        with first:
            assert not second.acquire(blocking=False)  # type: ignore[attr-defined]
        with second:
            pass


def test_a_large_blob_keeps_its_place_at_the_target_and_small_ones_share_the_rest() -> None:
    turns = Turns(2, 4, None)
    with turns.of(BUFFER_BYTES + 1), turns.of(10) as first, turns.of(20) as second:
        assert first is second
        with first:
            assert not turns._target.acquire(blocking=False)
        assert turns._free == 0
    assert turns._free == 4
