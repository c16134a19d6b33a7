"""Which part of a file a request is for."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from imageimport.api.ranges import NotSatisfiable, Part, asked_part

WHOLE = Part(0, 1000, 1000, is_whole=True)
ETAG = '"a"'


def asked(size: int = 1000, method: str = "get", **headers: str) -> Part:
    request = getattr(RequestFactory(), method)(
        "/", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    return asked_part(request, size=size, etag=ETAG)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=200-", 200, 1000),
        ("bytes=200-299", 200, 300),
        ("bytes=200-99999", 200, 1000),
        ("bytes=-10", 990, 1000),
        ("bytes=-5000", 0, 1000),
        ("bytes=999-", 999, 1000),
    ],
)
def test_one_range_is_that_part(text: str, start: int, end: int) -> None:
    part = asked(Range=text)
    assert (part.start, part.end, part.is_whole) == (start, end, False)
    assert part.content_range == f"bytes {start}-{end - 1}/1000"


@pytest.mark.parametrize(
    "text", ["", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes=٣-"]
)
def test_what_is_no_single_range_gets_the_whole(text: str) -> None:
    assert asked(Range=text) == WHOLE


@pytest.mark.parametrize("text", ["bytes=1000-", "bytes=1000-1001", "bytes=-0"])
def test_a_range_behind_the_end_is_not_satisfiable(text: str) -> None:
    with pytest.raises(NotSatisfiable):
        asked(Range=text)


def test_a_range_of_another_file_gets_the_whole() -> None:
    assert asked(Range="bytes=5-", If_Range=ETAG).start == 5
    for other in ('"b"', 'W/"a"', "Fri, 27 Nov 2026 08:00:00 GMT"):
        assert asked(Range="bytes=5-", If_Range=other) == WHOLE


def test_heads_are_of_the_whole() -> None:
    assert asked(method="head", Range="bytes=5-") == WHOLE
