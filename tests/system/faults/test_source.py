"""What goes wrong at the source, through the whole product: the code, the sentence with the host, and the old tag."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from oci.limits import FAR_SECONDS, HEADERS_SECONDS
from testbed.scripted_http import Request
from testbed.scripted_registry import Act, Reply, corrupt, cut, drip, hang_up, refuse, stall, too_many
from testbed.services import silent_port
from tests.support import invariants
from tests.support.house import KIB, MIB, House
from tests.system.conftest import MakeHouse


@pytest.fixture(scope="module")
def house(make_house: MakeHouse) -> House:
    return make_house(own_target=True, IMPORT_MAX_ATTEMPTS="2")


@contextmanager
def answering(
    house: House, method: str, pattern: str, act: Act | Reply, times: int | None = None
) -> Iterator[None]:
    """The source answers so while this lasts."""
    rule = house.source.rule(method, pattern, act, times=times)
    try:
        yield
    finally:
        house.source.rules.remove(rule)


#: What happens to which requests, and how often. ``LAYER`` is the layer's own blob: the configuration comes before it
#: and is too small to be cut or to stand still in the middle.
LAYER = "/blobs/{layer}"
PASSING: dict[str, tuple[str, str, Act | Reply, int | None]] = {
    "reset in a layer": ("GET", LAYER, cut(100_000), 2),
    "early end of a layer": ("GET", LAYER, cut(100_000, "end"), 2),
    "hang up": ("GET", "/blobs/", hang_up(), 2),
    "5xx burst": ("", "/manifests/", refuse(503, "UNAVAILABLE"), 2),
    "429 with a short wait": ("GET", "/manifests/", too_many("1"), 1),
    "429 without a wait": ("GET", "/blobs/", too_many(), 1),
    "stall": ("GET", LAYER, stall(50_000), 1),
    "wrong bytes once": ("GET", LAYER, corrupt(-1), 1),
    "drip": ("GET", LAYER, drip(64 * KIB, 0.1), None),
}


def test_what_passes_is_waited_out_or_resumed(house: House) -> None:
    """All at once, each at an image of its own: one attempt each is enough."""
    tasks, rules = {}, {}
    for name, (method, pattern, act, times) in PASSING.items():
        repository = f"passing/{name.replace(' ', '-').lower()}"
        image = house.image(repository, [300 * KIB])
        path = f"/v2/{repository}{pattern.format(layer=image.blobs[1].digest)}"
        rules[name] = house.source.rule(method, path, act, times=times)
        tasks[name] = house.submit(repository)
    for name, task in tasks.items():
        done = house.succeed(task, timeout=90)
        assert done.attempts == 1, name
        assert rules[name].used >= (PASSING[name][3] or 1), f"{name}: nothing went wrong"


class FromAfar:
    """A layer that is read in parts: as a whole it begins late and drips. The first ``times`` parts go wrong."""

    def __init__(self, act: Act | Reply, times: int) -> None:
        self._act: Act = (lambda _request, _proceed: replace(act)) if isinstance(act, Reply) else act
        self._times = times
        self._lock = threading.Lock()
        self.parts = 0

    def __call__(self, request: Request, proceed: Callable[[], Reply]) -> Reply:
        if not re.fullmatch(r"bytes=\d+-\d+", request.headers.get("range", "")):
            time.sleep(2 * FAR_SECONDS)
            # Slow enough that parts are asked for on a busy machine, too.
            return replace(proceed(), drip=32 * KIB, drip_seconds=0.1)
        with self._lock:
            self.parts += 1
            is_wrong = self.parts <= self._times
        return self._act(request, proceed) if is_wrong else proceed()


#: What happens to so many parts.
IN_PARTS: dict[str, tuple[Act | Reply, int]] = {
    "reset": (cut(100_000), 3),
    "early end": (cut(100_000, "end"), 3),
    "hang up": (hang_up(), 2),
    "5xx burst": (refuse(503, "UNAVAILABLE"), 3),
    "gone": (refuse(404, "BLOB_UNKNOWN"), 2),
    "stall": (stall(50_000), 1),
    "wrong bytes once": (corrupt(-1), 1),
    "no ranges": (refuse(416, "RANGE_INVALID"), 1),
}


def in_parts(house: House, name: str, act: Act | Reply, times: int) -> tuple[str, FromAfar]:
    """Submitted; its layer comes from afar."""
    repository = f"parts/{name.replace(' ', '-').lower()}"
    image = house.image(repository, [5 * MIB])
    afar = FromAfar(act, times)
    house.source.rule("GET", f"/v2/{repository}/blobs/{image.blobs[1].digest}", afar)
    return house.submit(repository), afar


def test_what_passes_in_a_part_of_a_layer_costs_no_attempt_either(house: House) -> None:
    """The same faults as above, where layers come over several connections."""
    # The source may have said 429 to several connections: it would get one from each import for an hour.
    house.forget_rate_limits()
    for name, fault in IN_PARTS.items():
        # One after the other: together they would have no connections left to read parts over.
        task, afar = in_parts(house, name, *fault)
        assert house.succeed(task, timeout=90).attempts == 1, name
        assert afar.parts, f"{name}: nothing went wrong"


def test_a_layer_whose_parts_and_whole_are_wrong_fails_and_leaves_the_old_tag(house: House) -> None:
    house.put_before("faults/parts/lies", "1", house.image("old/parts/lies", [8 * KIB]))
    image = house.image("parts/lies", [5 * MIB])
    house.source.rule("GET", f"/v2/parts/lies/blobs/{image.blobs[1].digest}", _lies)
    row = house.fail(house.submit("parts/lies"), "digest_mismatch")
    assert row.attempts == 1
    assert house.verify("faults/parts/lies", "1") == house.before["faults/parts/lies", "1"]


def _lies(request: Request, proceed: Callable[[], Reply]) -> Reply:
    return corrupt(-1)(request, lambda: FromAfar(corrupt(-1), 0)(request, proceed))


FINAL: dict[str, tuple[str, str, Act | Reply, str]] = {
    "blob missing": ("GET", "/blobs/", refuse(404, "BLOB_UNKNOWN"), "source_error"),
    "no such image": ("", "/manifests/", refuse(404, "MANIFEST_UNKNOWN"), "not_found"),
    "forbidden": ("", "/manifests/", refuse(403, "DENIED"), "forbidden"),
    "wrong bytes": ("GET", "/blobs/", corrupt(-1), "digest_mismatch"),
}


def test_what_stays_wrong_fails_at_once_and_leaves_the_old_tag(house: House) -> None:
    tasks = {}
    for name, (method, pattern, act, _code) in FINAL.items():
        repository = f"final/{name.replace(' ', '-')}"
        house.put_before(f"faults/{repository}", "1", house.image(f"old/{repository}", [8 * KIB]))
        house.image(repository, [64 * KIB])
        house.source.rule(method, f"/v2/{repository}{pattern}", act)
        tasks[name] = house.submit(repository)
    for name, task in tasks.items():
        row = house.fail(task, FINAL[name][3])
        assert house.source.server_name in row.error, name
        assert row.attempts == 1, name
        assert house.verify(row.repository, "1") == house.before[row.repository, "1"], name


def test_a_long_retry_after_frees_the_worker_and_says_until_when(house: House) -> None:
    image = house.image("limited", [16 * KIB])
    with answering(house, "GET", "/v2/limited/manifests/", too_many("3600")):
        task = house.submit("limited")
        row = house.until(task, lambda row: row.status == "pending" and row.not_before is not None)
    assert 3500 < (row.not_before or 0) - time.time() < 3700
    assert house.source.server_name in row.message
    assert (row.attempts, house.outcomes(task)) == (0, [(1, "waiting")])
    canceled = house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/cancel")
    assert canceled.status_code == 202
    assert house.until_ended(task).status == "canceled"
    assert not house.has_tag("faults/limited", "1"), image.digest
    house.forget_rate_limits()


def test_nobody_listens(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    task = house.submit_reference(f"127.0.0.1:{port}/nobody/here:1")
    row = house.fail(task, "unreachable", timeout=120)
    assert "127.0.0.1" in row.error
    assert str(port) in row.error


def test_no_such_host(house: House) -> None:
    task = house.submit_reference("registry.invalid/no/such:1")
    row = house.fail(task, "unreachable", timeout=120)
    assert "registry.invalid" in row.error


def test_a_source_that_takes_connections_and_never_answers(house: House) -> None:
    """A worker's place is not held for ever: the header time-out, the tries, then the end; cancel at any time."""
    with silent_port() as port:
        task = house.submit_reference(f"127.0.0.1:{port}/black/hole:1")
        house.until(task, lambda row: row.stage == "login")
        house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/cancel")
        # Looked at before the wait for headers, which no one answers, could have come to its end.
        assert house.until_ended(task, timeout=HEADERS_SECONDS / 2).status == "canceled"


def test_a_tag_that_moves_meanwhile_is_imported_as_it_was(house: House) -> None:
    first = house.image("moving", [64 * KIB, 1 * MIB])
    slow = house.slow(first.blobs[2].digest, 400 * KIB)
    task = house.submit("moving")
    house.until_moving(task, least=100 * KIB)
    house.image("moving", [32 * KIB])
    slow.release()
    assert house.succeed(task).digest == first.digest


def test_six_imports_that_share_a_layer_read_it_once(house: House) -> None:
    image = house.image("shared/0", [1 * MIB])
    for number in range(1, 6):
        house.source.add_image(f"shared/{number}", "1", image)
    slow = house.slow(image.blobs[1].digest, 2 * MIB)
    tasks = [house.submit(f"shared/{number}") for number in range(6)]
    for task in tasks:
        house.succeed(task)
    slow.release()
    assert invariants.blob_reads(house.source)[image.blobs[1].digest] == 1


def test_a_part_that_meets_429_leaves_each_import_one_connection(house: House) -> None:
    """The last of these tests: the host is spared for an hour."""
    task, afar = in_parts(house, "429", too_many(), 1)
    assert house.succeed(task, timeout=90).attempts == 1
    assert afar.parts
    task, spared = in_parts(house, "after 429", hang_up(), 1)
    assert house.succeed(task, timeout=90).attempts == 1
    assert spared.parts == 0
