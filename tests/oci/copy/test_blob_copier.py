"""The ladder of each blob: there already, mounted, moved by another import, streamed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from oci.copy.observer import Flight, MountCandidate
from oci.errors import OciError
from stack.sample import image_of
from testbed.copying import LocalFlights, NoMounts
from testbed.images import random_image, random_layer
from testbed.scripted_registry import ScriptedRegistry, drip, refuse
from tests.oci.copying import Recorder, copier, run

IMAGE = random_image([1_000_000, 200_000], seed=111)
LAYER = IMAGE.blobs[1]


@dataclass
class Proof(NoMounts):
    """Knows one repository to mount from."""

    repository: str
    needs_source_check: bool = False
    brought: list[str] = field(default_factory=list)

    def candidates(self, digest: str, *, refresh: bool = True) -> Sequence[MountCandidate]:
        return [MountCandidate(self.repository, self.needs_source_check)]

    def copied(self, digest: str, size: int, on_saved: Callable[[], None]) -> None:
        self.brought.append(digest)
        on_saved()


def _fill_team(target: ScriptedRegistry) -> None:
    target.add_image("other/base", "v1", IMAGE)


# --- mounts ------------------------------------------------------------------------------------------------


def test_what_another_repository_has_is_mounted_and_not_read(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    _fill_team(target)
    observer, proof = Recorder(), Proof("other/base")
    run(copier(source, target, mounts=proof, observer=observer))
    assert observer.last(LAYER.digest) == "mounted"
    assert observer.reused_bytes >= LAYER.size
    assert not source.seen("GET", LAYER.digest)
    assert LAYER.digest in proof.brought


def test_without_proof_nothing_is_mounted(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    _fill_team(target)
    run(copier(source, target))
    assert source.seen("GET", LAYER.digest)
    assert not [each for each in target.seen("POST") if each.asked("mount")]


def test_a_layer_that_the_source_does_not_show_this_user_is_not_mounted(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    _fill_team(target)
    del source.repository("library/app").blobs[LAYER.digest]
    with pytest.raises(OciError) as caught:
        run(copier(source, target, mounts=Proof("other/base", needs_source_check=True)))
    assert caught.value.code == "source_error"
    assert LAYER.digest not in target.repository("team/app").blobs
    assert not [each for each in target.seen("POST") if each.asked("mount") == LAYER.digest]


def test_a_layer_that_the_source_confirms_is_mounted(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    _fill_team(target)
    observer = Recorder()
    run(copier(source, target, mounts=Proof("other/base", needs_source_check=True), observer=observer))
    assert observer.last(LAYER.digest) == "mounted"
    assert source.seen("HEAD", LAYER.digest)


def test_the_session_that_a_registry_begins_instead_of_mounting_is_used(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    run(copier(source, target, mounts=Proof("other/nothing")))
    assert len(target.seen("POST")) == len(IMAGE.blobs)
    assert target.repository("team/app").uploads == {}


# --- others that move the same blob ------------------------------------------------------------------------


def test_imports_at_once_read_a_shared_layer_once(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    shared = random_layer(1_000_000, seed=7)
    flights, proofs = LocalFlights(), []
    for number in range(4):
        source.add_image(
            f"library/app{number}", "v1", image_of([shared, random_layer(4_096, seed=100 + number)])
        )
    source.rule("GET", shared.blob.digest, drip(200_000, 0.05))
    brought: dict[str, str] = {}

    class Shared(Proof):
        def candidates(self, digest: str, *, refresh: bool = True) -> Sequence[MountCandidate]:
            return [MountCandidate(brought[digest], needs_source_check=True)] if digest in brought else []

        def copied(self, digest: str, size: int, on_saved: Callable[[], None]) -> None:
            brought.setdefault(digest, self.repository)
            on_saved()

    def one(number: int) -> None:
        proof = Shared(f"team/app{number}")
        proofs.append(proof)
        made = copier(
            source,
            target,
            f"library/app{number}:v1",
            to=f"team/app{number}:v1",
            flights=flights,
            mounts=proof,
        )
        run(made)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(source.seen("GET", shared.blob.digest)) == 1
    for number in range(4):
        assert target.repository(f"team/app{number}").blobs[shared.blob.digest] == shared.blob.data


@pytest.mark.parametrize(("where", "state"), [("other/base", "mounted"), ("team/app", "exists")])
def test_what_another_import_brings_between_look_and_turn_is_not_read_again(
    source: ScriptedRegistry, target: ScriptedRegistry, where: str, state: str
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    brought: list[str] = []

    class JustEnded(LocalFlights):
        """The other import ends right before its place is taken."""

        def begin(self, key: str) -> Flight | None:
            if LAYER.digest in key:
                target.repository(where).blobs[LAYER.digest] = LAYER.data
                brought.append(LAYER.digest)
            return super().begin(key)

    class Shared(Proof):
        def candidates(self, digest: str, *, refresh: bool = True) -> Sequence[MountCandidate]:
            return super().candidates(digest) if digest in brought else []

    observer = Recorder()
    run(copier(source, target, flights=JustEnded(), mounts=Shared(where), observer=observer))
    assert observer.last(LAYER.digest) == state
    assert not source.seen("GET", LAYER.digest)


def test_who_waits_sees_the_others_bytes_and_is_told_why(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    flights, observer = LocalFlights(), Recorder()
    other = flights.begin(_key(target))
    assert other is not None

    def fly(flight: Flight) -> None:
        flight.progress(300_000)
        time.sleep(1.2)
        target.add_blob("team/app", LAYER.data)
        flight.end(True)

    thread = threading.Thread(target=fly, args=(other,))
    thread.start()
    run(copier(source, target, flights=flights, observer=observer))
    thread.join()
    assert ("waiting", 300_000) in observer.states[LAYER.digest]
    assert observer.last(LAYER.digest) == "exists"
    assert any("Another import" in sentence for sentence in observer.sentences())
    assert not source.seen("GET", LAYER.digest)


def test_a_failed_transfer_of_another_is_done_again(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    flights = LocalFlights()
    other = flights.begin(_key(target))
    assert other is not None
    threading.Timer(0.3, lambda: other.end(False)).start()
    run(copier(source, target, flights=flights))
    assert target.repository("team/app").blobs[LAYER.digest] == LAYER.data


def test_a_transfer_of_another_that_stands_still_is_not_waited_for_for_ever(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    flights, observer = LocalFlights(), Recorder()
    assert flights.begin(_key(target)) is not None
    run(copier(source, target, flights=flights, observer=observer, stall_seconds=0.6))
    assert observer.last(LAYER.digest) == "done"


def _drip(flight: Flight, each: int, until: threading.Event) -> threading.Thread:
    """Tell of ``each`` more bytes ten times a second."""

    def fly() -> None:
        done = 0
        while not until.wait(0.1):
            done += each
            flight.progress(done)

    thread = threading.Thread(target=fly)
    thread.start()
    return thread


def test_a_transfer_of_another_that_drips_is_not_waited_for_for_ever(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    flights, observer, ended = LocalFlights(), Recorder(), threading.Event()
    other = flights.begin(_key(target))
    assert other is not None
    dripping = _drip(other, 1, ended)
    watchdog = threading.Timer(120, other.end, [False])
    watchdog.start()
    began = time.monotonic()
    run(copier(source, target, flights=flights, observer=observer, stall_seconds=0.6))
    assert time.monotonic() - began < 60
    assert flights.begin(_key(target)) is None, "the other still has it"
    ended.set()
    watchdog.cancel()
    dripping.join()
    assert observer.last(LAYER.digest) == "done"


def test_a_transfer_of_another_is_waited_for_while_it_is_quick(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Longer than the stall time, since bytes that arrive are worth more than bytes moved twice."""
    big = random_image([6_000_000], seed=113)
    layer = big.blobs[1]
    source.add_image("library/app", "v1", big)
    flights, ended = LocalFlights(), threading.Event()
    other = flights.begin(f"{target.server_name}//{layer.digest}")
    assert other is not None
    quick = _drip(other, 150_000, ended)

    def land() -> None:
        ended.set()
        quick.join()
        target.add_blob("team/app", layer.data)
        other.end(True)

    threading.Timer(2.5, land).start()
    run(copier(source, target, flights=flights, stall_seconds=0.6))
    assert not source.seen("GET", layer.digest)


def test_a_holder_that_claims_more_bytes_than_the_blob_has_gains_nothing(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    flights, observer, ended = LocalFlights(), Recorder(), threading.Event()
    other = flights.begin(_key(target))
    assert other is not None
    liar = _drip(other, 10_000_000, ended)
    watchdog = threading.Timer(60, other.end, [False])
    watchdog.start()
    run(copier(source, target, flights=flights, observer=observer, stall_seconds=0.6))
    assert flights.begin(_key(target)) is None, "the other still has it"
    ended.set()
    watchdog.cancel()
    liar.join()
    assert observer.last(LAYER.digest) == "done"


def test_others_that_fail_one_after_the_other_are_not_waited_for_for_ever(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)

    class AlwaysAnother(LocalFlights):
        waits = 0

        def begin(self, key: str) -> Flight | None:
            return None if LAYER.digest in key else super().begin(key)

        def wait(self, key: str, timeout: float, on_progress: Callable[[int], None]) -> bool:
            self.waits += 1
            assert self.waits < 10
            return True

    observer = Recorder()
    run(copier(source, target, flights=AlwaysAnother(), observer=observer))
    assert observer.last(LAYER.digest) == "done"


def test_imports_of_another_scope_are_not_waited_for(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    flights, observer = LocalFlights(), Recorder()
    assert flights.begin(_key(target)) is not None
    run(copier(source, target, flights=flights, flight_scope="other", observer=observer))
    assert not observer.sentences()


def test_other_blobs_move_while_one_is_waited_for(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    flights, observer = LocalFlights(), Recorder()
    other = flights.begin(_key(target))
    assert other is not None
    small = IMAGE.blobs[2].digest

    def wait_for_the_small_one() -> None:
        deadline = time.monotonic() + 60
        while small not in target.repository("team/app").blobs and time.monotonic() < deadline:
            time.sleep(0.05)
        other.end(False)

    thread = threading.Thread(target=wait_for_the_small_one)
    thread.start()
    run(copier(source, target, flights=flights, observer=observer, parallel=1))
    thread.join()
    assert observer.states[small][-1][0] == "done"


# --- failures ----------------------------------------------------------------------------------------------


def test_when_one_blob_fails_the_others_stop_soon(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", IMAGE.blobs[2].digest, refuse(403, "DENIED"))
    source.rule("GET", LAYER.digest, drip(20_000, 1.0))
    started = time.monotonic()
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "forbidden"
    assert time.monotonic() - started < 60
    assert target.repository("team/app").uploads == {}


def test_a_failed_import_ends_its_flights(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", LAYER.digest, refuse(403, "DENIED"))
    flights = LocalFlights()
    with pytest.raises(OciError):
        run(copier(source, target, flights=flights))
    assert flights.begin(_key(target)) is not None


def test_finished_layers_are_not_moved_again_by_the_next_attempt(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    rule = source.rule("GET", IMAGE.blobs[2].digest, refuse(403, "DENIED"))
    with pytest.raises(OciError):
        run(copier(source, target, parallel=1))
    source.rules.remove(rule)
    run(copier(source, target))
    assert len(source.seen("GET", LAYER.digest)) == 1


def test_progress_of_a_layer_tells_the_truth(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    big = random_image([6_000_128], seed=112)
    source.add_image("library/app", "v1", big)
    observer = Recorder()
    run(copier(source, target, observer=observer))
    told = [done for state, done in observer.states[big.blobs[1].digest] if state == "copying"]
    assert told == sorted(told)
    assert told[-1] == big.blobs[1].size
    assert len(told) >= 6


def _key(target: ScriptedRegistry) -> str:
    return f"{target.server_name}//{LAYER.digest}"
