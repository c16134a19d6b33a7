"""What people paste is understood, and the page can say how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.grammar import ReferenceError_
from oci.reference import Pasted, parse_reference, read_pasted


def notes_of(pasted: Pasted) -> list[str]:
    return [template % params for template, params in pasted.notes]


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("  nginx:1.27\r\n", "docker.io/library/nginx:1.27"),
        ("`nginx`", "docker.io/library/nginx:latest"),
        ("docker pull nginx", "docker.io/library/nginx:latest"),
        ("$ sudo docker  image pull -q ghcr.io/o/r:v1", "ghcr.io/o/r:v1"),
        ("docker pull --platform=linux/arm64 nginx", "docker.io/library/nginx:latest"),
        (
            "docker pull --platform linux/arm64 --quiet nginx # the web server",
            "docker.io/library/nginx:latest",
        ),
        ("podman pull quay.io/a/b", "quay.io/a/b:latest"),
        ("nerdctl image pull quay.io/a/b", "quay.io/a/b:latest"),
        ("podman pull docker://quay.io/a/b", "quay.io/a/b:latest"),
        ("crictl pull registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("ctr -n k8s.io images pull registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("helm pull oci://ghcr.io/charts/app --version 1.2", "ghcr.io/charts/app:latest"),
        ("FROM --platform=linux/amd64 python:3.11 AS build", "docker.io/library/python:3.11"),
        ('    image: "nginx:1.27"', "docker.io/library/nginx:1.27"),
        ("- image: nginx", "docker.io/library/nginx:latest"),
        ("https://ghcr.io/owner/repo:tag", "ghcr.io/owner/repo:tag"),
        ("HTTPS://quay.io/a/b/", "quay.io/a/b:latest"),
        ("http://localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("docker://nginx", "docker.io/library/nginx:latest"),
        ("https://hub.docker.com/_/nginx", "docker.io/library/nginx:latest"),
        ("hub.docker.com/_/nginx", "docker.io/library/nginx:latest"),
        ("https://hub.docker.com/_/nginx/tags?page=1&name=1.27", "docker.io/library/nginx:1.27"),
        ("https://hub.docker.com/_/nginx?tab=tags#top", "docker.io/library/nginx:latest"),
        ("https://hub.docker.com/r/bitnami/redis", "docker.io/bitnami/redis:latest"),
        ("hub.docker.com/r/bitnami/redis/tags", "docker.io/bitnami/redis:latest"),
        ("https://hub.docker.com/repository/docker/a/b/general", "docker.io/a/b:latest"),
        (
            "https://hub.docker.com/layers/library/nginx/1.27/images/sha256-abc?context=explore",
            "docker.io/library/nginx:1.27",
        ),
        ("https://hub.docker.com/layers/a/b/v2/images/sha256-abc", "docker.io/a/b:v2"),
        ("https://quay.io/repository/prometheus/prometheus?tab=tags", "quay.io/prometheus/prometheus:latest"),
        ("https://quay.io/repository/a/b/tag/v1", "quay.io/a/b:v1"),
        ("https://github.com/Owner/repo/pkgs/container/repo", "ghcr.io/owner/repo:latest"),
        ("https://github.com/orgs/o/packages/container/package/a%2Fb", "ghcr.io/o/a/b:latest"),
        ("https://github.com/users/o/packages/container/r/123", "ghcr.io/o/r:latest"),
    ],
)
def test_it_is_understood(text: str, image: str) -> None:
    assert str(read_pasted(text).reference) == image


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("docker pull nginx", "Understood as the command “docker pull”."),
        ("https://ghcr.io/o/r", "The prefix https:// was left out."),
        ("https://hub.docker.com/_/nginx", "Understood as the page of nginx at Docker Hub."),
        ("docker pull --platform linux/arm64 nginx", "Only the platform linux/arm64 was asked for."),
        ("docker pull -q nginx", "The option -q was left out."),
        ("image: nginx", "Understood as the command “image”."),
    ],
)
def test_it_says_how(text: str, sentence: str) -> None:
    assert sentence in notes_of(read_pasted(text))


def test_a_plain_reference_needs_no_note() -> None:
    assert read_pasted("nginx:1").notes == ()


def test_the_platform_of_a_command_is_handed_on() -> None:
    assert read_pasted("docker pull --platform=linux/arm/v7 nginx").platforms == ("linux/arm/v7",)
    assert read_pasted("docker pull nginx").platforms == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("https://example.com", "names no image"),
        ("https://example.com/", "names no image"),
        ("https://nginx", "names no image"),
        ("https://user:s3cret@ghcr.io/o/r", "Leave the username and password out"),
        ("https://hub.docker.com/search?q=nginx", "shows no single image"),
        ("https://hub.docker.com", "shows no single image"),
        ("https://quay.io/repository/", "shows no single image"),
        ("https://github.com/owner/repo", "shows no single image"),
        ("docker pull nginx redis", "one image at a time"),
        ("docker pull -q", "one image at a time"),
        ("nginx\nredis", "no spaces"),
        ("docker run nginx", "no spaces"),
        ("x" * 5000, "at most"),
        ("ftp://ghcr.io/a", "not"),
        ("", "Enter an image reference"),
    ],
)
def test_a_refusal_says_why(text: str, sentence: str) -> None:
    with pytest.raises(ReferenceError_) as refused:
        read_pasted(text)
    assert sentence in str(refused.value)
    assert "s3cret" not in str(refused.value)


@given(st.text(max_size=120))
def test_any_text_gives_a_reference_or_a_sentence(text: str) -> None:
    try:
        pasted = read_pasted(text)
    except ReferenceError_ as refused:
        assert str(refused)
    else:
        assert parse_reference(str(pasted.reference)) == pasted.reference
