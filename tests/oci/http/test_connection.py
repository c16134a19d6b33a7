"""Answers that are not what HTTP promises: bounds of bytes and time, bodies as they are."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from oci.errors import OciError
from oci.http.transport import Timeouts
from oci.registry.faults import RetryableError
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_http import Reply, ScriptedServer
from testbed.scripted_registry import ScriptedRegistry, cut, drip
from tests.oci.copying import client, quick_budget
from tests.oci.listeners import black_hole, closed_port, listener


def _asked(raw: bytes, **more: Any) -> OciError:
    """The error of asking a server that sends these bytes."""
    with ScriptedServer(lambda _: Reply(raw=raw)) as server, pytest.raises(OciError) as caught:
        Repository(client(server, **more), "library/app").get_manifest("v1")
    return caught.value


def test_headers_without_end_are_cut_off() -> None:
    error = _asked(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 2000) for n in range(200)))
    assert error.code == "protocol_error"


def test_few_headers_of_much_text_are_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 3000) for n in range(80))
    error = _asked(head + b"Content-Length: 2\r\n\r\n{}")
    assert error.code == "protocol_error"
    assert "headers" in str(error)


def test_one_endless_header_line_is_cut_off() -> None:
    assert _asked(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000).code == "protocol_error"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x16\x03\x01",
        b"\r\n\r\n",
    ],
    ids=["nothing", "ssh", "version", "status", "tls", "empty lines"],
)
def test_what_is_not_http_is_said_to_be_broken(raw: bytes) -> None:
    assert _asked(raw).code in ("protocol_error", "source_error")


def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    assert _asked(head % len(bomb) + bomb).code == "unsupported_manifest"


def test_a_manifest_beyond_four_mebibytes_is_not_read() -> None:
    assert _asked(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n{").code == "limit_exceeded"


def test_an_endless_manifest_is_not_read_to_its_end() -> None:
    def pour(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                connection.sendall(b"a" * 65536)
        except OSError:
            return  # It hung up, as it should.

    with listener(pour) as port, pytest.raises(OciError) as caught:
        Repository(client(_At(port)), "library/app").get_manifest("v1")
    assert caught.value.code == "limit_exceeded"


def test_bytes_that_came_before_a_reset_are_not_lost(source: ScriptedRegistry) -> None:
    """Whoever reads them resumes where they end."""
    data = bytes(range(256)) * 4096
    digest = source.add_blob("library/app", data)
    source.rule("GET", "/blobs/", cut(300_000))
    stream = Repository(client(source), "library/app").open_blob(digest)
    view, found = memoryview(bytearray(len(data))), b""
    with pytest.raises(RetryableError):
        while count := stream.readinto(view):
            found += view[:count]
    assert found == data[:300_000]
    with pytest.raises(RetryableError):
        stream.readinto(view)


def test_headers_that_drip_run_into_the_deadline() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for _ in range(600):
                time.sleep(0.1)
                connection.sendall(b"X: y\r\n")
        except OSError:
            return  # It hung up, as it should.

    started = time.monotonic()
    with listener(drip) as port, pytest.raises(OciError) as caught:
        Repository(client(_At(port), headers_seconds=0.5, tries=1), "library/app").get_manifest("v1")
    assert caught.value.code == "stalled"
    assert time.monotonic() - started < 30


def _dripping(head: bytes, piece: bytes, *, seconds: float) -> Callable[[socket.socket], None]:
    """Sends ``head`` at once, then ``piece`` again and again for 20 s."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            connection.sendall(head)
            for _ in range(int(90 / max(seconds, 0.001))):
                time.sleep(seconds)
                connection.sendall(piece)
        except OSError:
            return  # It hung up, as it should.

    return serve


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    ],
    ids=["a document", "its chunks", "a chunk's size", "trailers"],
)
def test_a_document_that_drips_is_given_up_after_the_stall_time(head: bytes, piece: bytes) -> None:
    started = time.monotonic()
    with listener(_dripping(head, piece, seconds=0.1)) as port, pytest.raises(OciError) as caught:
        Repository(client(_At(port), stall_seconds=1, tries=1), "library/app").get_manifest("v1")
    assert caught.value.code == "stalled"
    assert time.monotonic() - started < 45


def test_trailers_without_end_are_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    serve = _dripping(head, b"X: %b\r\n" % (b"y" * 4000), seconds=0.0)
    started = time.monotonic()
    with listener(serve) as port, pytest.raises(OciError) as caught:
        Repository(client(_At(port), stall_seconds=60, tries=1), "library/app").get_manifest("v1")
    assert caught.value.code == "protocol_error"
    assert time.monotonic() - started < 45


def test_a_document_that_comes_slowly_and_steadily_is_read(source: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", random_image([1000] * 40, seed=1))
    source.rule("GET", "/manifests/", drip(2000, 0.3))
    found = Repository(client(source, stall_seconds=4), "library/app").get_manifest("v1")
    assert len(found.layers) == 40


def test_the_body_of_an_answer_that_nobody_wants_is_not_waited_for(source: ScriptedRegistry) -> None:
    source.add_image("library/other", "v1", random_image([1000], seed=1))
    to = ("Location", "/v2/library/other/manifests/v1")
    source.rule("GET", "library/app/", Reply(307, [to], b"a" * 100, stall_at=0, stall_seconds=90))
    started = time.monotonic()
    assert Repository(client(source, stall_seconds=90), "library/app").get_manifest("v1").layers
    assert time.monotonic() - started < 45


def test_nobody_listening_is_unreachable_and_told_within_seconds() -> None:
    started = time.monotonic()
    retries: list[None] = []
    with pytest.raises(OciError) as caught:
        client(_At(closed_port()), on_retry=lambda: retries.append(None)).ping()
    assert len(retries) == 2, "a typing error should not take a minute to tell"
    assert caught.value.code == "unreachable"
    assert caught.value.retryable
    assert time.monotonic() - started < 30


def test_a_black_hole_is_unreachable() -> None:
    with black_hole() as port:
        made = client(_At(port), budget=quick_budget(tries=1))
        made.session.endpoint.transport.timeouts = Timeouts(connect_seconds=0.3)
        with pytest.raises(OciError) as caught:
            made.ping()
    assert caught.value.code == "unreachable"


def test_an_unknown_host_is_told_at_once() -> None:
    """How long the look-up takes is the system's; it is not made again."""
    retries: list[None] = []
    with pytest.raises(OciError) as caught:
        client(_At(5000, "registry.invalid"), on_retry=lambda: retries.append(None)).ping()
    assert caught.value.code in ("unreachable", "blocked_address")
    assert not retries


def test_a_header_of_ours_cannot_break_out_of_its_line() -> None:
    with ScriptedServer(lambda _: Reply()) as server, pytest.raises(ValueError, match="header"):
        made = client(server)
        made.session.endpoint.exchange("GET", made.session.url("/v2/"), [("X", "a\r\nY: b")])


class _At:
    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.url = f"http://{host}:{port}"
