"""Names and tags after the grammar of distribution/reference."""

from __future__ import annotations

import pytest

from oci.reference.parser import valid_repository, valid_tag


@pytest.mark.parametrize("name", ["a", "a/b", "a__b", "a--b", "a.b/c_d", "0", "a" * 255])
def test_good_names(name: str) -> None:
    assert valid_repository(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "a___b",
        "a..b",
        "-a",
        "a-",
        "a/..",
        "..",
        "a\n",
        "\u0661",
        "a" * 256,
        7,
        None,
    ],
)
def test_bad_names(name: object) -> None:
    assert not valid_repository(name)


@pytest.mark.parametrize("tag", ["a", "_", "A.b-c_d", "1" * 128])
def test_good_tags(tag: str) -> None:
    assert valid_tag(tag)


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a b", "a\n", "a/b", "a:b", "1" * 129, "\u0661", None])
def test_bad_tags(tag: object) -> None:
    assert not valid_tag(tag)
