"""Elements of a long JSON text, one at a time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from oci import limits
from oci.contents.json_items import ITEM_BYTES, read_items
from oci.spec.strict_json import BadJsonError

DOCUMENT: dict[str, Any] = {
    "name": 'a "quoted" {name} [with] brackets \\ and, commas: all',
    "other": [{"packages": [{"not": "this"}]}, [], {}],
    "packages": [
        {"name": "é", "deep": {"packages": [{"x": 1}]}},
        {"name": "b", "list": [1, {"y": "}"}]},
        "text",
        3,
    ],
    "predicate": {"more": {"components": [{"no": 1}]}, "components": [{"name": "c"}]},
}


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("indent", [None, 2])
def test_the_elements_are_those_that_a_whole_reading_finds(size: int, indent: int | None) -> None:
    text = json.dumps(DOCUMENT, ensure_ascii=False, indent=indent).encode()
    found = list(read_items(pieces(text, size), {("packages",), ("predicate", "components")}))
    wanted: list[Any] = [(("packages",), each) for each in DOCUMENT["packages"][:2]]
    assert found == [*wanted, (("predicate", "components"), {"name": "c"})]


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"packages": [{"a": 1}', b'{"packages": [}', b"]", b'{"a": "', b'{"packages": [{]}']
)
def test_what_is_not_complete_is_refused(text: bytes) -> None:
    with pytest.raises(BadJsonError):
        list(read_items([text], {("packages",)}))


@pytest.mark.parametrize("size", [1, 2, 5, 10_000])
@pytest.mark.parametrize(
    "listed",
    [
        '"a"',
        "1",
        "null",
        "[]",
        '[{"x": 1}]',
        '{"a": 1}, "b"',
        '{"a": 1}, 2',
        '3, {"a": 1}',
        '{"a": 1},',
        ",",
        ",,",
    ],
)
def test_another_value_among_the_objects_is_refused_where_they_alone_are_asked_for(
    listed: str, size: int
) -> None:
    text = f'{{"other": [1, "x"], "packages": [ {listed} ], "more": null}}'.encode()
    with pytest.raises(BadJsonError):
        list(read_items(pieces(text, size), {("packages",)}, only_objects=True))


@pytest.mark.parametrize("size", [1, 2, 5, 10_000])
@pytest.mark.parametrize("listed", ["", '{"a": [1, "x"]}', '{"a": 1} , {"b": {"c": "],"}}', "{}, {}"])
def test_objects_alone_are_found_with_whatever_is_in_and_around_them(listed: str, size: int) -> None:
    text = f'{{"other": [1, "x"], "packages": [ {listed} ], "more": {{"packages": [2]}}}}'
    found = read_items(pieces(text.encode(), size), {("packages",)}, only_objects=True)
    assert [each for _, each in found] == json.loads(text)["packages"]


def test_what_is_nested_too_deeply_or_too_large_is_refused() -> None:
    for text in (b"[" * 1000, b'{"packages": [{"a": "' + b"x" * (ITEM_BYTES + 10)):
        with pytest.raises(BadJsonError) as caught:
            list(read_items(pieces(text, 65_536), {("packages",)}))
        assert caught.value.too_large


def test_the_bounds_hold_within_one_piece_as_well() -> None:
    filler = b'"x",' * (ITEM_BYTES // 4)
    for text in (
        b'{"packages": [{"a": [' + filler + b'"x"]}]}',
        b'{"packages": [], "' + b"x" * (ITEM_BYTES + 10) + b'": 1}',
    ):
        with pytest.raises(BadJsonError) as caught:
            list(read_items([text], {("packages",)}))
        assert caught.value.too_large


def test_no_more_is_looked_at_than_a_document_of_the_largest_size_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "JSON_TOKENS", 1000)
    text = b'{"other": [' + b"[]," * 1000 + b'[]], "packages": [{"name": "a"}]}'
    with pytest.raises(BadJsonError) as caught:
        list(read_items(pieces(text, 100), {("packages",)}))
    assert caught.value.too_large


def test_random_bytes_never_raise_anything_else() -> None:
    chance = random.Random(5)
    signs = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"packages", b"1", b" ", b"\xff"]
    for _ in range(2000):
        text = b"".join(chance.choice(signs) for _ in range(chance.randrange(30)))
        try:
            list(read_items(pieces(text, 5), {("packages",)}))
        except BadJsonError:
            continue
