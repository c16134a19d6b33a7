"""WWW-Authenticate in all its forms."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.registry.auth.challenge import Challenge, parse_challenges


def _one(value: str) -> Challenge:
    (found,) = parse_challenges([value])
    return found


def test_docker_hubs_challenge() -> None:
    found = _one(
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'
    )
    assert found.scheme == "bearer"
    assert found.params == {
        "realm": "https://auth.docker.io/token",
        "service": "registry.docker.io",
        "scope": "repository:a/b:pull,push",
    }


def test_keys_and_schemes_are_case_insensitive() -> None:
    assert _one('BEARER Realm="x", SERVICE=y') == Challenge("bearer", {"realm": "x", "service": "y"})


def test_commas_equals_signs_and_escapes_within_quotes() -> None:
    assert _one(r'Bearer realm="https://t/?a=b,c=d",service="say \"hi\" \\ bye"').params == {
        "realm": "https://t/?a=b,c=d",
        "service": r'say "hi" \ bye',
    }


def test_several_challenges_in_one_header() -> None:
    found = parse_challenges(['Basic realm="a, b", Bearer realm="https://t",service="s", Negotiate'])
    assert [each.scheme for each in found] == ["basic", "bearer", "negotiate"]
    assert found[0].params == {"realm": "a, b"}
    assert found[1].params == {"realm": "https://t", "service": "s"}


def test_several_headers() -> None:
    found = parse_challenges(['Basic realm="a"', 'Bearer realm="b"'])
    assert [each.scheme for each in found] == ["basic", "bearer"]


def test_a_challenge_with_a_blob_instead_of_parameters() -> None:
    found = parse_challenges(['Negotiate YWJj==, Basic realm="a"'])
    assert found[0] == Challenge("negotiate")
    assert found[1].params == {"realm": "a"}


@pytest.mark.parametrize(
    "value",
    [
        'Bearer realm = "x" , service = "y"',
        'Bearer  realm="x",,service="y",',
        '\tBearer\trealm="x",service=y',
    ],
)
def test_spaces_and_empty_elements(value: str) -> None:
    assert _one(value) == Challenge("bearer", {"realm": "x", "service": "y"})


def test_an_unquoted_realm_with_a_url() -> None:
    assert (
        _one("Bearer realm=https://auth.example/token,service=s").params["realm"]
        == "https://auth.example/token"
    )


def test_the_first_of_a_repeated_parameter_counts() -> None:
    assert _one('Bearer realm="first",realm="second"').params["realm"] == "first"


def test_an_unclosed_quote_ends_with_the_header() -> None:
    assert _one('Bearer realm="https://t').params["realm"] == "https://t"


@pytest.mark.parametrize("value", ["", ",", " , ,", "=", '"', "=x,=y", "@@@", "Bearer@x y"])
def test_nonsense_is_passed_over(value: str) -> None:
    assert all(each.scheme.isascii() for each in parse_challenges([value]))


def test_what_follows_nonsense_is_still_read() -> None:
    assert parse_challenges(['@@ nonsense, Basic realm="a"'])[-1] == Challenge("basic", {"realm": "a"})


@given(st.text(alphabet=st.sampled_from('Bearer realm="x",\\= \t@;/:basic'), max_size=200))
def test_no_header_makes_it_fail(value: str) -> None:
    parse_challenges([value])


@pytest.mark.parametrize("unit", ["a ", 'a="', "a=b,", "\\", ", ", "a b "])
def test_a_hostile_header_costs_linear_time(unit: str) -> None:
    """Four times as long takes four times the processor; sixteen would be the square."""

    def least(length: int) -> float:
        times = []
        for _ in range(3):
            started = time.thread_time()
            parse_challenges([unit * (length // len(unit))])
            times.append(time.thread_time() - started)
        return min(times)

    assert least(65536) < 10 * max(least(16384), 0.002)
