"""Looking up and connecting: bounded, cancelable, and not stuck behind one bad address."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import threading
import time
import warnings
from collections.abc import Sequence

import pytest

from oci import limits
from oci.egress import dial as dialing
from oci.egress.dial import dial, look_up, system_resolver
from oci.egress.hosts import IpAddress
from oci.errors import Canceled
from tests.oci.listeners import black_hole, closed_port, listener

LOOPBACK = ipaddress.ip_address("127.0.0.1")
LOOPBACK_6 = ipaddress.ip_address("::1")


def go_on() -> None:
    pass


def give_up() -> None:
    raise Canceled


def seconds_of_canceled(wait: object) -> float:
    began = time.monotonic()
    with pytest.raises(Canceled):
        wait()  # type: ignore[operator]
    return time.monotonic() - began


# --- looking up ---------------------------------------------------------------------------------------------
def test_the_system_knows_localhost() -> None:
    assert "127.0.0.1" in system_resolver("localhost")


def test_the_system_is_asked_in_bytes_so_that_nothing_is_mapped() -> None:
    with pytest.raises(UnicodeError):
        system_resolver("\u2460\u2461\u2466.0.0.1")


def test_an_answer_and_an_error_are_handed_on() -> None:
    assert look_up(lambda host: [host], "x", timeout=1, check=go_on) == ["x"]

    def fail(_host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    with pytest.raises(socket.gaierror):
        look_up(fail, "x", timeout=1, check=go_on)


def test_a_look_up_that_hangs_is_left_behind() -> None:
    release = threading.Event()

    def hang(_host: str) -> Sequence[str]:
        release.wait(30)
        return []

    try:
        with pytest.raises(TimeoutError):
            look_up(hang, "x", timeout=0.3, check=go_on)
        assert seconds_of_canceled(lambda: look_up(hang, "x", timeout=30, check=give_up)) < 1
    finally:
        release.set()


def test_look_ups_that_hang_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "_lookups", threading.BoundedSemaphore(1))
    release = threading.Event()

    def hang(_host: str) -> Sequence[str]:
        release.wait(30)
        return ["late"]

    with pytest.raises(TimeoutError):
        look_up(hang, "x", timeout=0.1, check=go_on)
    with pytest.raises(TimeoutError, match="too many"):
        look_up(lambda host: [host], "x", timeout=5, check=go_on)
    release.set()
    deadline = time.monotonic() + 5
    while not dialing._lookups.acquire(blocking=False):
        assert time.monotonic() < deadline, "the place of the finished look-up was not given back"
        time.sleep(0.01)
    dialing._lookups.release()
    assert look_up(lambda host: [host], "x", timeout=5, check=go_on) == ["x"]


# --- connecting ---------------------------------------------------------------------------------------------
def test_it_connects() -> None:
    with listener() as port, dial([LOOPBACK], port, timeout=5, check=go_on) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)


def test_the_next_address_is_tried_at_once_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NEXT_ADDRESS_SECONDS", 60.0)
    with listener() as port:
        began = time.monotonic()
        with dial([LOOPBACK_6, LOOPBACK], port, timeout=120, check=go_on) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"
        assert time.monotonic() - began < 30


def test_the_next_address_is_tried_beside_a_silent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = ipaddress.ip_address("127.0.0.77")
    begin = dialing._begin
    with listener() as port, black_hole() as hole:
        monkeypatch.setattr(
            dialing,
            "_begin",
            lambda address, port: begin(LOOPBACK, hole) if address == silent else begin(address, port),
        )
        began = time.monotonic()
        with dial([silent, LOOPBACK], port, timeout=90, check=go_on) as sock:
            assert sock.getpeername()[1] == port
        assert limits.NEXT_ADDRESS_SECONDS * 0.9 < time.monotonic() - began < 30


def test_silence_ends_with_the_time_out() -> None:
    with black_hole() as port:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            dial([LOOPBACK], port, timeout=0.5, check=go_on)
        assert 0.4 < time.monotonic() - began < 30


def test_a_cancel_ends_the_wait() -> None:
    with black_hole() as port:
        assert seconds_of_canceled(lambda: dial([LOOPBACK], port, timeout=30, check=give_up)) < 1


def test_a_refusal_says_so() -> None:
    with pytest.raises(ConnectionRefusedError):
        dial([LOOPBACK], closed_port(), timeout=5, check=go_on)


@pytest.mark.parametrize("order", [[LOOPBACK, LOOPBACK_6], [LOOPBACK_6, LOOPBACK]])
def test_a_refusal_tells_more_than_a_missing_route(
    order: list[IpAddress], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = dialing._begin

    def without_ipv6(address: IpAddress, port: int) -> socket.socket:
        if address.version == 6:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        return begin(address, port)

    monkeypatch.setattr(dialing, "_begin", without_ipv6)
    with pytest.raises(ConnectionRefusedError):
        dial(order, closed_port(), timeout=5, check=go_on)


def test_no_address_is_an_error() -> None:
    with pytest.raises(OSError, match="no address"):
        dial([], 80, timeout=5, check=go_on)


def test_families_take_turns_and_only_some_are_tried() -> None:
    many = [ipaddress.ip_address(f"2001:db8::{number}") for number in range(1, 30)] + [LOOPBACK]
    tried = dialing._alternating(many)
    assert tried[:3] == [many[0], LOOPBACK, many[1]]
    assert len(tried) == len(many)
    assert dialing._alternating([]) == []


def test_no_more_than_some_addresses_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[IpAddress] = []

    def refuse(address: IpAddress, _port: int) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no")

    monkeypatch.setattr(dialing, "_begin", refuse)
    with pytest.raises(ConnectionRefusedError):
        dial([LOOPBACK] * 100, 80, timeout=5, check=go_on)
    assert len(tried) == limits.ADDRESSES_TRIED


def test_no_descriptor_is_left_open() -> None:
    with listener() as port, black_hole() as hole, warnings.catch_warnings(record=True) as left_to_chance:
        warnings.simplefilter("always", ResourceWarning)
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for _ in range(5):
            dial([LOOPBACK_6, LOOPBACK], port, timeout=5, check=go_on).close()
            with pytest.raises(TimeoutError):
                dial([LOOPBACK, LOOPBACK], hole, timeout=0.02, check=go_on)
            with pytest.raises(ConnectionRefusedError):
                dial([LOOPBACK], closed_port(), timeout=5, check=go_on)
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
        assert left_to_chance == []
