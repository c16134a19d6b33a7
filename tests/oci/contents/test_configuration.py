"""History beside layers, and what a configuration says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oci.contents.configuration import align, read_configuration
from oci.errors import OciError
from oci.spec.manifest import Descriptor

LAYERS = ["sha256:" + letter * 64 for letter in "abc"]


def line(text: str, *, empty: bool = False) -> dict[str, Any]:
    return {"created_by": text, **({"empty_layer": True} if empty else {})}


def matched(history: Any, layers: list[str] = LAYERS) -> list[tuple[str, str | None]]:
    return [(step.created_by, step.layer) for step in align(history, layers)]


def test_lines_that_made_no_layer_have_none() -> None:
    a, b, c = LAYERS
    history = [line("one"), line("env", empty=True), line("two"), line("three"), line("cmd", empty=True)]
    assert matched(history) == [("one", a), ("env", None), ("two", b), ("three", c), ("cmd", None)]


def test_a_squashed_image_has_its_one_layer_at_the_line_that_squashed_it() -> None:
    history = [line("one", empty=True), line("two", empty=True), line("squash")]
    assert matched(history, LAYERS[:1]) == [("one", None), ("two", None), ("squash", LAYERS[0])]


@pytest.mark.parametrize("history", [None, [], "none", {}])
def test_without_a_history_each_layer_has_an_empty_line(history: Any) -> None:
    assert matched(history) == [("", layer) for layer in LAYERS]


def test_what_is_missing_of_a_history_is_missing_at_its_beginning() -> None:
    assert matched([line("last")]) == [("", LAYERS[0]), ("", LAYERS[1]), ("last", LAYERS[2])]
    assert matched([line("gone"), line("last")], LAYERS[:1]) == [("gone", None), ("last", LAYERS[0])]


def test_a_configuration_says_its_platform_labels_and_history() -> None:
    body = json.dumps(
        {
            "created": "2024-01-01T00:00:00Z",
            "architecture": "arm64",
            "os": "linux",
            "variant": "v8",
            "config": {"Labels": {"a": "b", "odd": 1}, "Cmd": ["x"]},
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "COPY", "comment": "c"}],
        }
    ).encode()
    found = read_configuration(body, [Descriptor("x/y", LAYERS[0], 1)])
    assert (found.platform, found.created, found.labels) == (
        "linux/arm64/v8",
        "2024-01-01T00:00:00Z",
        {"a": "b"},
    )
    assert found.config["Cmd"] == ["x"]
    assert found.history[0].comment == "c"


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"a": 1, "a": 2}', b"\xff"])
def test_what_is_no_configuration_is_refused(body: bytes) -> None:
    with pytest.raises(OciError) as caught:
        read_configuration(body, [])
    assert caught.value.code == "unsupported_manifest"


@pytest.mark.parametrize("config", [{"config": None}, {"config": {"Labels": ["x"]}}, {"os": 3, "config": []}])
def test_values_of_another_kind_are_as_good_as_absent(config: Any) -> None:
    found = read_configuration(json.dumps(config).encode(), [])
    assert (found.labels, found.platform) == ({}, "")
