"""TLS through the door: names and authorities are verified, and failures say what is wrong."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from oci.egress.door import Door, EgressPolicy
from oci.egress.tls import make_context
from oci.errors import Canceled, OciError
from tests.oci.listeners import Serve, listener, serving_tls


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    yield str(path)


def server(
    authority: trustme.CA, *names: str, asked: list[str | None] | None = None, expired: bool = False
) -> Serve:
    past = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    certificate = authority.issue_cert(*names, not_after=past if expired else None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return serving_tls(context, asked)


def connect(host: str, port: int, ca_file: str | None, timeout: float = 5.0) -> socket.socket:
    door = Door(
        EgressPolicy(private_sources=(host, "127.0.0.0/8"), ca_file=ca_file),
        resolver=lambda _host: ["127.0.0.1"],
    )
    return door.connect(host, port, tls=True, timeout=timeout)


def failure(host: str, serve: Serve, ca_file: str | None, timeout: float = 5.0) -> OciError:
    with listener(serve) as port, pytest.raises(OciError) as failed:
        connect(host, port, ca_file, timeout)
    assert host in str(failed.value)
    return failed.value


def test_a_verified_connection_reads_and_writes(authority: trustme.CA, ca_file: str) -> None:
    asked: list[str | None] = []
    serve = server(authority, "good.example", asked=asked)
    with listener(serve) as port, connect("good.example", port, ca_file) as secure:
        assert isinstance(secure, ssl.SSLSocket)
        assert secure.recv(5) == b"hello"
        assert secure.version() in ("TLSv1.2", "TLSv1.3")
        assert secure.gettimeout() == 5.0
    assert asked == ["good.example"]


def test_an_address_can_be_what_the_certificate_names(authority: trustme.CA, ca_file: str) -> None:
    with listener(server(authority, "127.0.0.1")) as port, connect("127.0.0.1", port, ca_file) as secure:
        assert secure.recv(5) == b"hello"


def test_another_name(authority: trustme.CA, ca_file: str) -> None:
    error = failure("evil.example", server(authority, "good.example"), ca_file)
    assert (error.code, error.retryable) == ("tls_error", False)
    assert "is for a different host name" in str(error)


def test_another_address(authority: trustme.CA, ca_file: str) -> None:
    assert "is for a different host name" in str(
        failure("127.0.0.1", server(authority, "127.0.0.2"), ca_file)
    )


def test_an_authority_that_nobody_knows(authority: trustme.CA) -> None:
    error = failure("good.example", server(authority, "good.example"), None)
    assert error.code == "tls_error"
    assert "trusted certificate authority" in str(error)


def test_a_certificate_of_yesterday(authority: trustme.CA, ca_file: str) -> None:
    error = failure("good.example", server(authority, "good.example", expired=True), ca_file)
    assert error.code == "tls_error"
    assert "has expired" in str(error)


def test_a_server_without_tls(ca_file: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    error = failure("good.example", serve, ca_file)
    assert (error.code, error.retryable) == ("tls_error", False)
    assert "doesn't use TLS" in str(error)


def test_a_server_that_hangs_up(ca_file: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1000)

    error = failure("good.example", serve, ca_file)
    assert (error.code, error.retryable) == ("unreachable", True)


def test_a_server_that_says_nothing(ca_file: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(100)
        connection.settimeout(60)
        while connection.recv(1000):
            pass

    began = time.monotonic()
    error = failure("good.example", serve, ca_file, timeout=0.5)
    assert (error.code, error.retryable) == ("unreachable", True)
    assert "in time" in str(error)
    assert time.monotonic() - began < 30


def test_a_handshake_can_be_canceled(ca_file: str) -> None:
    calls: list[float] = []

    def check() -> None:
        calls.append(time.monotonic())
        if len(calls) > 2:
            raise Canceled

    def serve(connection: socket.socket) -> None:
        connection.settimeout(60)
        while connection.recv(1000):
            pass

    door = Door(EgressPolicy(private_sources=("127.0.0.1",), ca_file=ca_file))
    with listener(serve) as port:
        began = time.monotonic()
        with pytest.raises(Canceled):
            door.connect("127.0.0.1", port, tls=True, timeout=30, check=check)
        assert time.monotonic() - began < 20


def test_old_protocol_versions_are_refused(ca_file: str) -> None:
    context = make_context(ca_file)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_missing_file_of_authorities_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        make_context(str(tmp_path / "missing.pem"))
