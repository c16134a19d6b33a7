"""Ranges of a blob: whatever a server says and sends, only what was asked for is put together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from oci.http.connection import Response
from oci.registry.blobs import _starts_at
from oci.registry.faults import RetryableError
from oci.registry.rate_limit import read_rate_limit
from oci.registry.repository import Repository
from oci.registry.uploads import _held
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, digest_of
from tests.oci.copying import client

DATA = bytes(range(256)) * 4
DIGEST = digest_of(DATA)
_numbers = st.one_of(st.integers(0, 2000).map(str), st.from_regex(r"[0-9+ ²٣_x-]{0,22}", fullmatch=True))
_texts = st.one_of(
    st.text(max_size=40),
    st.builds("bytes {}-{}/{}".format, _numbers, _numbers, st.one_of(_numbers, st.just("*"))),
    st.builds("{}0-{}".format, st.sampled_from(["", "bytes=", "bytes ", "BYTES "]), _numbers),
)


class Said(Response):
    """An answer of which only one header matters."""

    def __init__(self, text: str) -> None:
        self.text = text

    def header(self, name: str) -> str | None:
        return self.text


@given(_texts, st.integers(0, 2000))
@example("bytes 5-9/10", 5)
@example("bytes 5-9/*", 5)
@example("bytes ٥-9/10", 5)
@example("bytes 5-9/10, bytes 5-9/10", 5)
def test_an_offset_is_believed_only_where_it_is_plainly_said(text: str, offset: int) -> None:
    if not _starts_at(Said(text), offset):
        return
    start, _, rest = text.strip().removeprefix("bytes ").partition("-")
    assert text.strip().isascii() and text.strip().startswith("bytes ")
    assert int(start) == offset
    assert rest.partition("/")[0].isdigit()


def test_an_honest_answer_is_believed() -> None:
    assert _starts_at(Said("bytes 7-9/10"), 7)
    assert not _starts_at(Said("bytes 7-9/10"), 6)


@given(_texts)
@example("0-99")
@example("bytes=0-99")
@example("0-" + "9" * 30)
def test_what_a_target_holds_is_a_number_or_unknown(text: str) -> None:
    held = _held(Said(text))
    if held is None:
        return
    prefix, _, last = text.strip().rpartition("0-")
    assert prefix in ("", "bytes=", "bytes ")
    assert last.isascii() and int(last) == held - 1


@given(_texts)
def test_no_rate_limit_breaks_the_reading(text: str) -> None:
    found = read_rate_limit(Said(text))
    assert found is None or min(found.limit, found.remaining, found.window) >= 0


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedRegistry]:
    with ScriptedRegistry() as registry:
        registry.add_blob("library/app", DATA)
        yield registry


@given(
    offset=st.integers(1, len(DATA) - 1),
    start=st.integers(0, len(DATA)),
    end=st.integers(0, len(DATA) + 5),
    said=st.sampled_from(
        ["{start}-{last}/{size}", "{start}-{last}/*", "{start}-{size}/{last}", "*/{size}", ""]
    ),
    status=st.sampled_from([200, 206, 416]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@example(offset=10, start=10, end=len(DATA), said="{start}-{last}/{size}", status=206)
@example(offset=10, start=11, end=len(DATA), said="{start}-{last}/{size}", status=206)
@example(offset=10, start=0, end=len(DATA), said="", status=206)
def test_what_is_read_is_what_was_asked_for(
    server: ScriptedRegistry, offset: int, start: int, end: int, said: str, status: int
) -> None:
    """Bytes that stand where the server says they do; an answer of 200 is the whole."""

    def answer(request: Request, _proceed: object) -> Reply:
        if "range" not in request.headers or status == 200:
            return Reply(body=DATA)
        text = said.format(start=start, last=max(start, end - 1), size=len(DATA))
        return Reply(status, [("Content-Range", f"bytes {text}")], DATA[start:end])

    server.rules.clear()
    server.rule("GET", "/blobs/", answer)
    reader = client(server)
    stream = Repository(reader, "library/app").open_blob(DIGEST, offset)
    found, view = b"", memoryview(bytearray(300))
    try:
        while count := stream.readinto(view):
            found += bytes(view[:count])
    except RetryableError:
        pass  # It ended too early; what came is to be right all the same.
    stream.close()
    reader.close()
    assert DATA[offset:].startswith(found)
    if status != 206 or start != offset:
        assert found == DATA[offset:]
