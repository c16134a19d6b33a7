"""Heads of answers by RFC 9112: what is read from them, and what is refused."""

from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.http.response_head import MAX_HEADERS, BadHead, ResponseHead


class Socket:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)


def read(content: bytes, *, method: str = "GET") -> ResponseHead:
    answer = ResponseHead(Socket(content), method=method)  # type: ignore[arg-type]
    answer.begin()
    return answer


def head(*lines: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    return "\r\n".join([f"HTTP/{version} {status}", *lines, "", ""]).encode("latin-1")


def test_values_are_found_whatever_the_names_case_and_in_their_order() -> None:
    answer = read(head("Link: <a>", "lINK:\t<b>  ", "X-Empty:"))
    assert answer.headers.get("LINK") == "<a>"
    assert answer.headers.get_all("link") == ["<a>", "<b>"]
    assert answer.headers.get("x-empty") == ""
    assert answer.headers.get("absent") is None
    assert answer.status == 200


def test_an_answer_whose_connection_is_closed_can_be_closed_too() -> None:
    answer = read(head("Content-Length: 3"))
    answer.fp.close()
    answer.close()
    assert answer.closed


def test_a_status_line_may_lack_its_reason() -> None:
    assert read(b"HTTP/1.1 404\r\n\r\n").status == 404


def test_interim_answers_are_skipped() -> None:
    assert (
        read(head("X: 1", status="100 Continue") + head(status="103 Early Hints") + head("Y: 2")).status
        == 200
    )


def test_a_folded_value_is_one() -> None:
    assert read(head("WWW-Authenticate: Bearer realm=a,", "  service=b")).headers.get("www-authenticate") == (
        "Bearer realm=a, service=b"
    )


@pytest.mark.parametrize(
    ("lines", "version", "length", "closes"),
    [
        (["Content-Length: 5"], "1.1", 5, False),
        (["Content-Length: 5, 5"], "1.1", 5, False),
        (["Content-Length: 5", "Content-Length: 5"], "1.1", 5, False),
        (["Content-Length: 5", "Connection: Close"], "1.1", 5, True),
        (["Content-Length: 5", "Connection: foo, close"], "1.1", 5, True),
        (["Content-Length: 5"], "1.0", 5, True),
        (["Content-Length: 5", "Connection: keep-alive"], "1.0", 5, False),
        ([], "1.1", None, True),
    ],
)
def test_where_the_body_ends(lines: list[str], version: str, length: int | None, closes: bool) -> None:
    answer = read(head(*lines, version=version))
    assert (answer.length, answer.will_close) == (length, closes)


def test_a_chunked_body_is_read_in_its_chunks() -> None:
    answer = read(head("Transfer-Encoding: Chunked") + b"3\r\nabc\r\n0\r\n\r\n")
    assert answer.chunked and not answer.will_close
    assert answer.read() == b"abc"


def test_after_a_coding_and_a_length_the_connection_is_not_used_again() -> None:
    answer = read(head("Transfer-Encoding: chunked", "Content-Length: 3") + b"1\r\na\r\n0\r\n\r\n")
    assert answer.will_close
    assert answer.read() == b"a"


@pytest.mark.parametrize(("status", "method"), [("204 No", "GET"), ("304 Not", "GET"), ("200 OK", "HEAD")])
def test_no_body_is_waited_for_where_there_is_none(status: str, method: str) -> None:
    answer = read(head("Content-Length: 5", status=status), method=method)
    assert answer.length == 0
    assert not answer.will_close


@pytest.mark.parametrize(
    "content",
    [
        head("no colon"),
        head("spaced : value"),
        head(": nameless"),
        head(" folded: first"),
        head("Content-Length: 5", "Content-Length: 6"),
        head("Content-Length: 5, 6"),
        head("Content-Length: -5"),
        head("Content-Length: +5"),
        head("Content-Length: 5_0"),
        head("Content-Length: ²"),
        head("Content-Length: " + "9" * 5000),
        head("Content-Length:"),
        head("Transfer-Encoding: gzip, chunked"),
        head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        head("Transfer-Encoding: identity"),
        head(*[f"X-{number}: 1" for number in range(MAX_HEADERS + 1)]),
        b"HTTP/1.1 200 OK\r\nX: 1",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
    ],
)
def test_doubt_is_refused(content: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        read(content)


def test_nothing_is_a_closed_connection() -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        read(b"")


def test_a_line_of_blanks_takes_no_time() -> None:
    assert read(head("X: a" + " " * 60_000 + "b")).headers.get_all("x") == ["a" + " " * 60_000 + "b"]


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_raise(content: bytes) -> None:
    try:
        read(b"HTTP/1.1 200 OK\r\n" + content)
    except http.client.HTTPException:
        return


def test_the_most_headers_are_read() -> None:
    lines = [f"X-{number}: 1" for number in range(MAX_HEADERS)]
    assert read(head(*lines)).headers.get(f"x-{MAX_HEADERS - 1}") == "1"
    with pytest.raises(BadHead):
        read(head(*lines, "One-More: 1"))
