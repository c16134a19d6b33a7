"""How many connections help: added while the whole gets faster, given back where it does not."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from oci.copy.ranges.ramp import Ramp

MB = 1_000_000
TICK = 0.05


def ramped(
    rate: Callable[[int], float],
    *,
    left: float = 1000 * MB,
    most: int = 16,
    waits: float = 1.0,
    is_far: bool = False,
) -> int:
    """How many there are in the end, where so many connections bring ``rate`` bytes a second together.

    :param waits: the share of the time in which the target waits for the source.
    """
    ramp, now, received = Ramp(most, 0.0, is_far=is_far), 0.0, 0.0
    while now < 20 and left > 0:
        now += TICK
        came = rate(ramp.count) * TICK
        received, left = received + came, left - came
        ramp.look(
            now,
            received=int(received),
            total=int(received),
            left=int(left),
            working=ramp.count,
            waited=now * waits,
        )
    return ramp.count


def test_a_line_of_many_thin_connections_gets_as_many_as_it_carries() -> None:
    assert ramped(lambda count: min(count, 8) * 3 * MB) == 8
    assert ramped(lambda count: count * MB) == 16
    assert ramped(lambda count: count * MB, most=6) == 6


def test_where_more_bring_no_more_they_are_given_back() -> None:
    assert ramped(lambda count: 3 * MB) == 1
    assert ramped(lambda count: 3 * MB / count) == 1
    assert ramped(lambda count: min(count, 4) * 3 * MB) == 4


def test_what_one_blob_takes_from_another_of_the_import_is_no_gain() -> None:
    ramp, now, received, total = Ramp(16, 0.0), 0.0, 0.0, 0.0
    while now < 5:
        now += TICK
        received, total = received + ramp.count * MB * TICK, total + 8 * MB * TICK
        ramp.look(
            now, received=int(received), total=int(total), left=1000 * MB, working=ramp.count, waited=now
        )
    assert ramp.count == 1


def test_what_comes_soon_anyway_gets_one() -> None:
    assert ramped(lambda count: count * 50 * MB, left=40 * MB) == 1


def test_from_afar_less_is_worth_a_further_connection() -> None:
    for left in (2.5 * MB, 3 * MB):
        assert ramped(lambda count: count * 3 * MB, left=left) == 1
    assert ramped(lambda count: count * 3 * MB, left=3 * MB, is_far=True) == 4
    assert ramped(lambda count: count * 3 * MB, left=2 * MB, is_far=True) == 1


def test_what_has_helped_another_blob_is_there_from_the_beginning() -> None:
    assert Ramp(16, 0.0, first=8).count == 8
    assert Ramp(1, 0.0, first=8).count == 1


def test_what_was_given_back_has_not_helped() -> None:
    ramp, now, received = Ramp(16, 0.0), 0.0, 0.0
    while now < 5:
        now += TICK
        received += min(ramp.count, 4) * 3 * MB * TICK
        ramp.look(
            now, received=int(received), total=int(received), left=1000 * MB, working=ramp.count, waited=now
        )
    assert (ramp.count, ramp.proven) == (4, 4)


def test_a_target_that_is_slower_than_the_source_gets_one() -> None:
    assert ramped(lambda count: count * 3 * MB, waits=0.2) == 1


def test_new_connections_are_judged_once_they_have_brought_something() -> None:
    ramp, now, received = Ramp(16, 0.0), 0.0, 0
    while ramp.count == 1:
        now, received = now + TICK, received + MB // 10
        ramp.look(now, received=received, total=received, left=1000 * MB, working=1, waited=now)
    for _ in range(20):  # A second of opening them, in which the first one goes on.
        now, received = now + TICK, received + MB // 10
        assert ramp.look(now, received=received, total=received, left=1000 * MB, working=1, waited=now) == 4


def test_one_that_never_brings_anything_does_not_stop_the_measuring() -> None:
    ramp, now, received = Ramp(16, 0.0), 0.0, 0
    while now < 10:
        now, received = now + TICK, received + MB // 10
        ramp.look(now, received=received, total=received, left=1000 * MB, working=1, waited=now)
    assert ramp.count == 1


def test_once_it_is_said_how_many_there_are_it_stays_so() -> None:
    ramp = Ramp(16, 0.0)
    ramp.end(3)
    assert ramp.look(9.0, received=9 * MB, total=9 * MB, left=900 * MB, working=3, waited=9.0) == 3


@given(
    st.lists(st.tuples(st.floats(0.01, 2), st.integers(0, 10 * MB), st.integers(0, 20)), max_size=60),
    st.integers(1, 32),
)
def test_there_is_always_one_and_never_more_than_the_most(
    looks: list[tuple[float, int, int]], most: int
) -> None:
    ramp, now, received = Ramp(most, 0.0), 0.0, 0
    for passed, came, working in looks:
        now, received = now + passed, received + came
        count = ramp.look(now, received=received, total=received, left=1000 * MB, working=working, waited=now)
        assert 1 <= count <= most
