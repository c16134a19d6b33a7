"""Platforms: written forms, and which of them mean the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.errors import OciError
from oci.spec.platform import Platform


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("linux/arm64/v8", Platform("linux", "arm64", "v8")),
        ("windows(10.0.17763.1)/amd64", Platform("windows", "amd64", "", "10.0.17763.1")),
    ],
)
def test_it_is_read_and_written(text: str, platform: Platform) -> None:
    assert Platform.parse(text) == platform
    assert platform.detailed == text


def test_the_short_form_leaves_the_version_out() -> None:
    assert str(Platform.parse("windows(10.0.1)/amd64")) == "windows/amd64"
    assert str(Platform.parse("linux/arm/v7")) == "linux/arm/v7"


@pytest.mark.parametrize(
    "text",
    ["", "linux", "linux/", "/amd64", "linux/amd64/", "linux/amd64/v1/x", "linux/amd64\n",
     "li nux/amd64", "linux/\u0661",
     "../..", "linux/amd64,linux/arm64", "windows()/amd64", "a/" + "b" * 65],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(OciError, match="linux/amd64") as refused:
        Platform.parse(text)
    assert refused.value.code == "invalid_reference"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/x86_64", "linux/amd64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/i386", "linux/386"),
    ],
)
def test_two_names_of_one_platform(one: str, other: str) -> None:
    assert Platform.parse(one).is_exactly(Platform.parse(other))
    assert Platform.parse(other).is_exactly(Platform.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("linux/arm/v6", "linux/arm/v7"),
        ("linux/amd64/v3", "linux/amd64"),
        ("linux/amd64", "windows/amd64"),
        ("linux/arm", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64"),
    ],
)
def test_two_platforms(one: str, other: str) -> None:
    assert not Platform.parse(one).is_exactly(Platform.parse(other))


def test_a_wish_without_variant_is_met_by_some_variant() -> None:
    assert Platform.parse("linux/arm/v6").is_some(Platform.parse("linux/arm"))
    assert not Platform.parse("linux/arm").is_some(Platform.parse("linux/arm/v6"))
    assert not Platform.parse("windows/arm/v6").is_some(Platform.parse("linux/arm"))


@pytest.mark.parametrize(
    ("has", "wanted", "met"),
    [
        ("windows(10.0.17763.2114)/amd64", "windows(10.0.17763)/amd64", True),
        ("windows(10.0.17763.2114)/amd64", "windows(10.0.17763.2114)/amd64", True),
        ("windows(10.0.17763.2114)/amd64", "windows/amd64", True),
        ("windows(10.0.17763.2114)/amd64", "windows(10.0.1)/amd64", False),
        ("windows(10.0.20348.1)/amd64", "windows(10.0.17763)/amd64", False),
        ("windows/amd64", "windows(10.0.17763)/amd64", False),
    ],
)
def test_a_version_is_met_by_its_builds(has: str, wanted: str, met: bool) -> None:
    assert Platform.parse(has).is_exactly(Platform.parse(wanted)) is met


def test_what_runs_nowhere_is_unknown() -> None:
    assert Platform("unknown", "unknown").is_unknown
    assert not Platform("linux", "unknown").is_unknown


@given(st.text(max_size=30))
def test_any_text_is_written_as_it_was_read_or_refused(text: str) -> None:
    try:
        platform = Platform.parse(text)
    except OciError:
        return
    assert platform.detailed == text
