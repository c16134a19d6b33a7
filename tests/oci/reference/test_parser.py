"""References: distribution's grammar and normalisation, and what the forms of a reference promise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oci.errors import OciError
from oci.reference.parser import (
    InvalidReference,
    Reference,
    connect_host,
    normalise_registry,
    parse_reference,
    valid_repository,
    valid_tag,
)

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "vectors" / "reference.json").read_text(encoding="utf-8")
)
SHA256 = "sha256:" + "a" * 64
SHA512 = "sha512:" + "b" * 128


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["ok"]], ids=lambda v: v["input"][:60])
def test_a_good_vector_is_normalised(vector: dict[str, Any]) -> None:
    assert str(parse_reference(vector["input"])) == vector["source_image"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if not v["ok"]], ids=lambda v: v["input"][:60])
def test_a_bad_vector_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse_reference(vector["input"])
    assert refused.value.code == "invalid_reference"
    assert not refused.value.retryable
    assert str(refused.value).strip()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("nginx", ("docker.io", "library/nginx", "latest", None)),
        ("user/nginx:1.20", ("docker.io", "user/nginx", "1.20", None)),
        ("quay.io/prometheus/prometheus", ("quay.io", "prometheus/prometheus", "latest", None)),
        ("registry-1.docker.io/nginx", ("docker.io", "library/nginx", "latest", None)),
        ("Docker.IO/nginx", ("docker.io", "library/nginx", "latest", None)),
        ("INDEX.docker.io/a/b:c", ("docker.io", "a/b", "c", None)),
        (f"nginx@{SHA256}", ("docker.io", "library/nginx", None, SHA256)),
        (f"ghcr.io/a/b:t@{SHA512}", ("ghcr.io", "a/b", "t", SHA512)),
        ("[2001:db8::1]:5000/a", ("[2001:db8::1]:5000", "a", "latest", None)),
        ("[fd00::1]/a", ("[fd00::1]", "a", "latest", None)),
        ("host:65535/a", ("host:65535", "a", "latest", None)),
    ],
)
def test_parts(text: str, parts: tuple[str, str, str | None, str | None]) -> None:
    ref = parse_reference(text)
    assert (ref.registry, ref.repository, ref.tag, ref.digest) == parts


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Enter an image reference"),
        ("foo_bar.com/app", "foo_bar.com is not a registry address"),
        ("a" * 64, "image ID"),
        (SHA256, "digest without a name"),
        ("host:0/app", "between 1 and 65535"),
        ("host:65536/app", "between 1 and 65535"),
        ("host:" + "9" * 600 + "/app", "between 1 and 65535"),
        ("host:port/app", "not a registry address"),
        ("user:secret@ghcr.io/app", "Don't put a username and password"),
        ("ghcr.io/Owner/app", "lowercase: owner/app"),
        ("ghcr.io/", "missing after the registry"),
        ("nginx:", "tag after the colon is missing"),
        ("nginx:-x", "-x is not a valid tag"),
        ("nginx@latest", "must be a digest"),
        ("nginx@sha384:" + "a" * 96, "must be a digest"),
        ("nginx@sha256:" + "A" * 64, "lowercase hexadecimal"),
        ("nginx 1", "contains spaces"),
        ("a/" * 600, "at most 1024 characters"),
        ("ghcr.io/" + "a" * 256, "at most 255 characters"),
        (".".join(["a" * 60] * 5) + "/x", "at most 253 characters"),
        ("[:::]/a", "not a registry address"),
        ("[1:2:3:4:5:6:7:8:9]/a", "not a registry address"),
        ("[2001:db8:3:4::192.0.2.33]:5000/debian", "not a registry address"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse_reference(text)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "text", ["user:s3cret@host/app", "user:s3cret@host", "user:s3/cret@host.com/app:tag"]
)
def test_a_password_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse_reference(text)
    assert "s3" not in str(refused.value)
    assert "s3" not in repr(refused.value.params)


@pytest.mark.parametrize(
    "text",
    [
        "nginx\n",
        "nginx:1\n",
        f"nginx@{SHA256}\n",
        "ngin\u0445",
        "nginx:\u0661",  # an Arabic digit: str.isdigit and \d take it
        "nginx@sha256:" + "\u0661" * 64,
        "host:\u0665000/app",
        "nginx\x00",
        "nginx\t",
        "\ufeffnginx",
        "ngi\u202enx",
        "l\u0131brary/x",
        "\u2160/x",
    ],
)
def test_matching_is_whole_and_ascii_only(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "name", "tag"),
    [
        ("docker.io/library/nginx:1.27", "nginx", "1.27"),
        ("quay.io/prometheus/prometheus", "prometheus/prometheus", "latest"),
        (f"ghcr.io/o/r@{SHA256}", "o/r", "latest"),
        (f"ghcr.io/o/r:v1@{SHA256}", "o/r", "v1"),
        ("library/nginx", "nginx", "latest"),
        ("docker.io/other/library", "other/library", "latest"),
    ],
)
def test_the_target_that_is_meant_when_none_is_given(text: str, name: str, tag: str) -> None:
    ref = parse_reference(text)
    assert (ref.default_target_name, ref.default_target_tag) == (name, tag)


def test_a_digest_is_asked_for_before_a_tag() -> None:
    assert parse_reference("nginx:1").identifier == "1"
    assert parse_reference(f"nginx:1@{SHA256}").identifier == SHA256


def test_docker_hub_is_contacted_where_its_registry_is() -> None:
    assert parse_reference("nginx").host == "registry-1.docker.io"
    assert connect_host("Index.Docker.io") == "registry-1.docker.io"
    assert parse_reference("FOO/bar").host == "foo"
    assert parse_reference("GHCR.io:5000/bar").host == "ghcr.io:5000"
    assert normalise_registry("registry-1.docker.io") == "docker.io"


def test_an_error_of_a_reference_is_an_error_of_the_engine() -> None:
    with pytest.raises(OciError):
        parse_reference("/")


# --- properties ---------------------------------------------------------------------------------------------
_component = st.from_regex(r"[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
_registry = st.one_of(
    st.just("docker.io"),
    st.just("localhost"),
    st.from_regex(r"[a-z0-9]{1,8}\.[a-z0-9]{1,8}(?::[1-9][0-9]{0,3})?", fullmatch=True),
    st.ip_addresses(v=6).map(lambda address: f"[{address.exploded}]"),
)
_tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)
_digest = st.one_of(
    st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
    st.from_regex(r"sha512:[0-9a-f]{128}", fullmatch=True),
)
_reference = st.builds(
    lambda registry, path, tag, digest: (
        f"{registry}/{'/'.join(path)}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    ),
    _registry,
    st.lists(_component, min_size=1, max_size=4),
    st.none() | _tag,
    st.none() | _digest,
)


@given(_reference)
@example("docker.io/library/" + "a" * 64)
@example("docker.io/library/" + "a" * 64 + f"@{SHA256}")
@example("docker.io/x.y/z")
def test_the_full_form_parses_to_the_same_again(text: str) -> None:
    ref = parse_reference(text)
    assert parse_reference(str(ref)) == ref


@given(st.text(max_size=80) | st.from_regex(r"[a-zA-Z0-9._:/@\[\]-]{1,40}", fullmatch=True))
@example("a:0@sha256:")
def test_any_text_is_a_whole_reference_or_refused(text: str) -> None:
    try:
        ref = parse_reference(text)
    except InvalidReference as refused:
        assert str(refused)
        return
    assert isinstance(ref, Reference)
    assert str(ref).isascii()
    assert valid_repository(ref.repository)
    assert ref.tag is None or valid_tag(ref.tag)
    assert ref.tag or ref.digest
    assert parse_reference(str(ref)) == ref


@pytest.mark.parametrize(
    ("text", "full", "target"),
    [
        (
            "helm+https://charts.example.com/Stable/podinfo:6.5.0+build.1",
            "helm+https://charts.example.com/Stable/podinfo:6.5.0_build.1",
            "charts.example.com/stable/podinfo",
        ),
        (
            "HELM+HTTP://Charts:8080/api/v4/projects/a%2Fb/podinfo:v1",
            "helm+https://charts:8080/api/v4/projects/a%2Fb/podinfo:v1",
            "charts__8080/api/v4/projects/a%2fb/podinfo",
        ),
        ("helm+https://docker.io/nginx", "helm+https://docker.io/nginx:latest", "docker.io/nginx"),
    ],
)
def test_a_chart_of_a_helm_repository(text: str, full: str, target: str) -> None:
    found = parse_reference(text)
    assert (str(found), found.is_chart, found.full_target_name) == (full, True, target)
    assert parse_reference(full) == found
    assert found.default_target_name == found.repository.rpartition("/")[2]
    assert str(found.with_tag("2.0.0")) == f"{found.name}:2.0.0"
    plain = parse_reference("charts.example.com/stable/podinfo:6.5.0")
    assert not plain.is_chart and plain != found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("helm+https://charts.example.com", "image name is missing"),
        ("helm+https://charts.example.com/", "image name is missing"),
        ("helm+https://charts.example.com/a//b:1", "not the path of a chart repository"),
        ("helm+https://charts.example.com/../b:1", "not the path of a chart repository"),
        ("helm+https://charts.example.com/./b:1", "not the path of a chart repository"),
        ("helm+https://charts.example.com/a?b/c:1", "not the path of a chart repository"),
        ("helm+https://charts.example.com/a+b/c:1", "not the path of a chart repository"),
        ("helm+https://charts.example.com/Podinfo:1", "lowercase: podinfo"),
        ("helm+https://charts.example.com/a:>=1", "not a valid tag"),
        ("helm+https:///a:1", "not a registry address"),
        ("helm+https://ada:secret@charts.example.com/a:1", "username and password"),
    ],
)
def test_what_names_no_chart_says_why(text: str, sentence: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse_reference(text)
    assert sentence in str(refused.value)
    assert "secret" not in str(refused.value)
