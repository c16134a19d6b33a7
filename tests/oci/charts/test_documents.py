"""Bodies that are read in order and bounded, and YAML without surprises."""

from __future__ import annotations

import pytest
import yaml

from oci.charts.documents import Body, Events
from oci.errors import OciError
from oci.registry.blobs import MemoryStream


def body(content: bytes, *, most: int = 10**6) -> Body:
    return Body(MemoryStream(content, 0, "charts.test"), what="/index.yaml", most=most, alive=lambda: None)


def test_a_body_is_read_whole_or_in_pieces_and_each_piece_is_told() -> None:
    content = bytes(range(256)) * 1000
    told: list[int] = []
    read = Body(MemoryStream(content, 0, "h"), what="", most=10**6, alive=lambda: told.append(1))
    assert read.read(10) == content[:10]
    assert read.read() == content[10:]
    assert len(told) > 4


def test_more_than_the_limit_ends_it() -> None:
    with pytest.raises(OciError, match=r"more than 99 bytes for /index\.yaml") as failed:
        body(b"a" * 100, most=99).read()
    assert failed.value.code == "limit_exceeded"


def value(text: bytes) -> object:
    events = Events(text)
    return events.value(events.next())


def test_every_scalar_is_a_text_so_that_versions_keep_their_zeros() -> None:
    assert value(b"{a: 1.10, b: [true, ~, 2020-01-01], c: {}}") == {
        "a": "1.10", "b": ["true", "~", "2020-01-01"], "c": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a: &x [1]\nb: *x\n",
        b"[" * 100 + b"]" * 100,
        b"{a: ",
        b"? [a]\n: 1\n",
        b"\xff\xfe\x00",
        b"a: \x01",
    ],
    ids=["empty", "alias", "deep", "broken", "key", "encoding", "control"],
)
def test_what_would_surprise_is_refused(text: bytes) -> None:
    with pytest.raises((yaml.YAMLError, UnicodeError)):
        value(text)


def test_what_is_not_wanted_is_read_away() -> None:
    events = Events(b"skipped: {a: [1, {b: 2}]}\nwanted: 3\n")
    found = {}
    for key, first in events.entries(events.next()):
        if key == "wanted":
            found[key] = events.value(first)
        else:
            events.skip(first)
    assert found == {"wanted": "3"}
