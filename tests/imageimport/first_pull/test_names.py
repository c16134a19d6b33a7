"""Which source a pulled name stands for."""

from __future__ import annotations

import pytest

from imageimport.first_pull.names import read
from oci.errors import OciError

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.mark.parametrize(
    ("name", "reference", "source"),
    [
        ("team/docker.io/library/nginx", "1.27", "docker.io/library/nginx:1.27"),
        ("team/ghcr.io/owner/repo/part", "v1", "ghcr.io/owner/repo/part:v1"),
        ("team/registry.example.com__5000/app", "1", "registry.example.com:5000/app:1"),
        ("team/localhost__5000/app", "1", "localhost:5000/app:1"),
        ("team/docker.io/library/nginx", DIGEST, f"docker.io/library/nginx@{DIGEST}"),
    ],
)
def test_a_whole_name_stands_for_its_source(name: str, reference: str, source: str) -> None:
    wanted = read(name, reference)
    assert wanted is not None
    assert str(wanted.source) == source
    assert f"{wanted.project}/{wanted.repository}" == name


def test_a_digest_has_a_tag_of_its_own() -> None:
    wanted = read("team/docker.io/library/nginx", DIGEST)
    assert wanted is not None
    assert wanted.tag == "digest-0123456789ab"
    assert not wanted.is_tag


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("team/docker.io/nginx", "team/docker.io/library/nginx:1"),
        ("team/index.docker.io/library/nginx", "team/docker.io/library/nginx:1"),
        ("team/registry-1.docker.io/library/nginx", "team/docker.io/library/nginx:1"),
    ],
)
def test_a_name_that_is_not_whole_is_told_the_whole_one(name: str, whole: str) -> None:
    with pytest.raises(OciError) as told:
        read(name, "1")
    assert told.value.code == "not_found"
    assert whole in str(told.value)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("team/app", "1"),
        ("team/app/web", "1"),
        ("team/docker.io", "1"),
        ("team", "1"),
        ("team/docker.io__99999/app", "1"),
        ("team/docker.io/library/nginx", "no tag"),
        ("team/docker.io/library/nginx", "sha256:abc"),
    ],
)
def test_other_names_stand_for_nothing(name: str, reference: str) -> None:
    assert read(name, reference) is None


@pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom"])
def test_what_belongs_to_an_image_is_known_by_its_tag(suffix: str) -> None:
    wanted = read("team/docker.io/library/nginx", f"sha256-{'a' * 64}{suffix}")
    assert wanted is not None
    assert wanted.is_attachment
