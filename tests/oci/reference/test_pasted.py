"""What people paste is understood, and the page can say how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.redaction import scrub
from oci.reference.grammar import InvalidReference
from oci.reference.parser import Pasted, parse_reference, read_pasted


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
        ("helm pull oci://ghcr.io/charts/app --version 6.5.0", "ghcr.io/charts/app:6.5.0"),
        ("helm pull --version=6.5.0+build.1 oci://ghcr.io/charts/app", "ghcr.io/charts/app:6.5.0_build.1"),
        ('helm pull "oci://localhost:5000/app" --version "v1.2"', "localhost:5000/app:v1.2"),
        ("helm pull oci://ghcr.io/charts/app:6.5.0 --version 6.5.0", "ghcr.io/charts/app:6.5.0"),
        ("helm pull oci://ghcr.io/charts/app", "ghcr.io/charts/app:latest"),
        (
            "helm pull podinfo --repo https://stefanprodan.github.io/podinfo/ --version 6.5.0",
            "helm+https://stefanprodan.github.io/podinfo/podinfo:6.5.0",
        ),
        (
            "helm pull --repo=http://10.0.0.1:8080/Charts --version 1.0.0+b --password s3cret app",
            "helm+https://10.0.0.1:8080/Charts/app:1.0.0_b",
        ),
        ("helm+https://charts.example.com/app:1.0.0", "helm+https://charts.example.com/app:1.0.0"),
        ("crane pull --version 6.5.0 ghcr.io/o/r", "ghcr.io/o/r:latest"),
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
        ("nerdctl --namespace k8s.io pull registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("nerdctl -n k8s.io image pull registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("https://gallery.ecr.aws/nginx/nginx", "public.ecr.aws/nginx/nginx:latest"),
        ("gallery.ecr.aws/docker/library/nginx?page=1", "public.ecr.aws/docker/library/nginx:latest"),
        ("https://gitlab.com/Group/proj/container_registry", "registry.gitlab.com/group/proj:latest"),
        (
            "https://gitlab.com/group/sub/proj/-/container_registry",
            "registry.gitlab.com/group/sub/proj:latest",
        ),
    ],
)
def test_it_is_understood(text: str, image: str) -> None:
    assert str(read_pasted(text).reference) == image


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("docker pull nginx", "Read from the command “docker pull”."),
        ("https://ghcr.io/o/r", "Ignored prefix: https://"),
        ("https://hub.docker.com/_/nginx", "Read from the page of nginx on Docker Hub."),
        ("docker pull --platform linux/arm64 nginx", "Only the platform linux/arm64 is imported."),
        ("docker pull -q nginx", "Ignored option: -q"),
        ("helm pull oci://ghcr.io/a/b --version 6.5.0", "The chart version 6.5.0 is used as the tag."),
        ("image: nginx", "Read from the command “image”."),
    ],
)
def test_it_says_how(text: str, sentence: str) -> None:
    assert sentence in notes_of(read_pasted(text))


def test_a_plain_reference_needs_no_note() -> None:
    assert read_pasted("nginx:1").notes == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("https://example.com", "names no image"),
        ("https://example.com/", "names no image"),
        ("https://nginx", "names no image"),
        ("https://user:s3cret@ghcr.io/o/r", "Don't put a username and password"),
        ("https://hub.docker.com/search?q=nginx", "doesn't show a single image"),
        ("https://hub.docker.com", "doesn't show a single image"),
        ("https://quay.io/repository/", "doesn't show a single image"),
        ("https://github.com/owner/repo", "doesn't show a single image"),
        ("docker pull nginx redis", "one image at a time"),
        ("docker pull -q", "one image at a time"),
        ("helm pull oci://ghcr.io/a/b --version '>=1.2 <2'", ">=1.2 <2 is not an exact chart version"),
        ("helm pull app --repo https://ada:pw@charts.example.com", "without username and password"),
        ("helm pull app --repo https://charts.example.com/?token=x", "without username and password"),
        ("nginx\nredis", "contains spaces"),
        ("docker stop nginx", "contains spaces"),
        ("x" * 5000, "at most"),
        ("ftp://ghcr.io/a", "not"),
        ("", "Enter an image reference"),
    ],
)
def test_a_refusal_says_why(text: str, sentence: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        read_pasted(text)
    assert sentence in str(refused.value)
    assert "s3cret" not in str(refused.value)


PW = "Hunter2-Secret"


@pytest.mark.parametrize(
    "typed",
    [
        "  nginx:1.27\r\n",
        "`nginx`",
        "$ sudo docker  image pull -q ghcr.io/o/r:v1",
        "docker pull --platform linux/arm64 --tls-verify=false ghcr.io/o/r:v1",
        "FROM --platform=linux/amd64 python:3.11 AS build",
        '    image: "nginx:1.27"',
        "helm pull oci://ghcr.io/charts/app --version 6.5.0",
        "https://hub.docker.com/_/nginx/tags?page=1&name=1.27",
        "https://hub.docker.com/_/nginx?tab=tags#top",
        "docker://ghcr.io/team/secret:1",
    ],
)
def test_what_holds_none_is_kept_as_it_was_typed(typed: str) -> None:
    assert read_pasted(typed).kept == typed


@pytest.mark.parametrize(
    "typed",
    [
        f"docker login -u deploy -p {PW} ghcr.io && docker pull ghcr.io/o/r:1",
        f"docker login -u deploy -p {PW} ghcr.io\ndocker pull ghcr.io/o/r:1",
        f"REGISTRY_PASSWORD={PW} docker pull ghcr.io/o/r:1",
        f"REGISTRY_PASSWORD={PW}",
        f"curl -u deploy:{PW} https://ghcr.io/v2/o/r/manifests/1",
        f"deploy:{PW}@ghcr.io/o/r:1",
        f"https://deploy:{PW}@hub.docker.com/_/nginx",
        f"docker pull https://deploy:{PW}@ghcr.io/o/r:1",
        f"docker pull ghcr.io/o/r:1 {PW}",
    ],
)
def test_what_is_not_understood_is_not_repeated(typed: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        read_pasted(typed)
    assert PW not in scrub(str(refused.value))


@given(st.text(max_size=120))
def test_any_text_gives_a_reference_or_a_sentence(text: str) -> None:
    try:
        pasted = read_pasted(text)
    except InvalidReference as refused:
        assert str(refused)
    else:
        assert parse_reference(str(pasted.reference)) == pasted.reference
