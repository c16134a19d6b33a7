"""Commands out of a README that run, deploy or copy an image are understood, and nothing else of them is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.reference.grammar import InvalidReference
from oci.reference.parser import read_pasted

PW = "hunter2-canary"


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("docker run -d -p 80:80 nginx:1.27", "docker.io/library/nginx:1.27"),
        ("$ sudo docker run --rm -it nginx", "docker.io/library/nginx:latest"),
        (
            "docker container run -itp 80:80 -v /a:/b --name x nginx sh -c 'redis:7'",
            "docker.io/library/nginx:latest",
        ),
        ("docker run -p80:80 -eA=b --env-file=x nginx:1", "docker.io/library/nginx:1"),
        ("docker run \\\n  -d \\\n  --restart always \\\n  ghcr.io/o/r:v1", "ghcr.io/o/r:v1"),
        ("docker run \\  -d \\  --restart always \\  ghcr.io/o/r:v1", "ghcr.io/o/r:v1"),
        ("docker create --network host quay.io/a/b", "quay.io/a/b:latest"),
        (
            "podman run --replace --tls-verify=false --name db docker.io/library/redis:7 redis-server",
            "docker.io/library/redis:7",
        ),
        ("nerdctl run --privileged ghcr.io/o/r:v1", "ghcr.io/o/r:v1"),
        ("kubectl run x --image=nginx:1.27", "docker.io/library/nginx:1.27"),
        ("kubectl run x -i --rm --image nginx --restart=Never -- sh", "docker.io/library/nginx:latest"),
        ("kubectl create deployment web --image=ghcr.io/o/r:v1 --replicas=2", "ghcr.io/o/r:v1"),
        ("skopeo copy --all docker://ghcr.io/o/r:v1 docker://quay.io/a/b:1", "ghcr.io/o/r:v1"),
        ("skopeo inspect --config docker://nginx", "docker.io/library/nginx:latest"),
        ("crane copy ghcr.io/o/r:v1 quay.io/a/b:1", "ghcr.io/o/r:v1"),
        ("oras pull -o here ghcr.io/o/r:v1", "ghcr.io/o/r:v1"),
        ("regctl image copy ghcr.io/o/r:v1 quay.io/a/b:1", "ghcr.io/o/r:v1"),
    ],
)
def test_the_image_is_found(text: str, image: str) -> None:
    found = read_pasted(text)
    assert str(found.reference) == image
    assert str(read_pasted(found.kept).reference) == image


@pytest.mark.parametrize(
    "option", ["--platform linux/arm64", "--platform=linux/arm64", "--platform 'linux/arm64'"]
)
@pytest.mark.parametrize("command", ["docker run", "crane copy"])
def test_the_platform_is_taken_along(command: str, option: str) -> None:
    found = read_pasted(f"{command} {option} nginx")
    assert found.platforms == read_pasted(found.kept).platforms == ("linux/arm64",)
    told = [template % params for template, params in found.notes]
    assert told == [
        f"Read from the command “{command}”.",
        "Only the platform linux/arm64 is imported.",
        "Only the image of the command is used.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"docker run -e PASSWORD={PW} nginx",
        f"docker run -ePASSWORD={PW} nginx",
        f"docker run --env PASSWORD={PW} nginx",
        f"docker run --env=PASSWORD={PW} --platform {PW} nginx",
        f"docker run nginx --password {PW}",
        f"docker run nginx # {PW}",
        f"kubectl run x --env=A={PW} --image=nginx -- {PW}",
        f"skopeo copy --src-creds deploy:{PW} docker://nginx docker://c/d",
        f"skopeo inspect --password {PW} docker://nginx",
        f"oras pull -u ann -p {PW} nginx",
    ],
)
def test_nothing_else_is_kept(text: str) -> None:
    found = read_pasted(text)
    assert str(found.reference) == "docker.io/library/nginx:latest"
    assert PW not in found.kept
    assert not any(PW in str(params) for _template, params in found.notes)


@pytest.mark.parametrize(
    "text", ["docker run -d", "docker run", "kubectl run x", "kubectl run x -- --image=nginx", "skopeo copy"]
)
def test_a_command_without_an_image_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        read_pasted(text)


@pytest.mark.parametrize("path", ["", "group", "nginx"])
@pytest.mark.parametrize("site", ["https://gallery.ecr.aws/", "https://gitlab.com/container_registry/"])
def test_a_page_that_shows_no_single_image_is_refused(site: str, path: str) -> None:
    with pytest.raises(InvalidReference):
        read_pasted(site + path)


@given(st.text(alphabet="docker un-=:'\"\\/#@ asASpP\t", max_size=80))
def test_what_is_kept_is_understood_as_the_same(text: str) -> None:
    try:
        pasted = read_pasted("docker run " + text)
    except InvalidReference:
        return
    again = read_pasted(pasted.kept)
    assert (again.reference, again.platforms, again.kept) == (pasted.reference, pasted.platforms, pasted.kept)
