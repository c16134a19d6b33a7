"""Images in pasted text."""

from __future__ import annotations

import contextlib
import time

import pytest

from accounts.exceptions import FieldErrors
from imageimport.batches.parsing import MAX_CHARS, read_list
from imageimport.messages import parts, shown
from tests.imageimport.batches.reading import entries, images


def test_a_list_has_one_reference_a_line_with_comments_and_noise_around() -> None:
    text = """# what we need
nginx

docker pull redis:7   # cache
$ sudo docker pull --platform linux/arm64 ghcr.io/a/b:1
- busybox
2. quay.io/x/y:2
FROM golang:1.22 AS build
docker login ghcr.io
docker tag nginx mine/nginx
docker push mine/nginx
https://hub.docker.com/_/postgres
`memcached`
```
"""
    assert images(text) == [
        (2, "docker.io/library/nginx:latest"),
        (4, "docker.io/library/redis:7"),
        (5, "ghcr.io/a/b:1"),
        (6, "docker.io/library/busybox:latest"),
        (7, "quay.io/x/y:2"),
        (8, "docker.io/library/golang:1.22"),
        (12, "docker.io/library/postgres:latest"),
        (13, "docker.io/library/memcached:latest"),
    ]
    assert [entry.platforms for entry in entries(text)][2] == ("linux/arm64",)


def test_several_on_one_line_are_several() -> None:
    assert images("nginx, redis:7 alpine\ndocker pull a && docker pull b; docker rmi a") == [
        (1, "docker.io/library/nginx:latest"),
        (1, "docker.io/library/redis:7"),
        (1, "docker.io/library/alpine:latest"),
        (2, "docker.io/library/a:latest"),
        (2, "docker.io/library/b:latest"),
    ]


def test_the_same_image_twice_is_one_entry_that_says_so() -> None:
    found = entries("nginx\nredis\ndocker.io/library/nginx:latest\nnginx")
    assert [(entry.line, entry.also) for entry in found] == [(1, (3, 4)), (2, ())]


def test_a_bad_line_is_an_entry_with_its_reason() -> None:
    good, bad = entries("nginx\nBad!!image")
    assert good.error is None
    assert bad.line == 2
    assert bad.error is not None
    assert "not a valid image name" in bad.error[0]


@pytest.mark.parametrize("text", ["", "\n \n", "# nothing\n", "services: {}\n", "kind: Pod\n"])
def test_a_text_without_an_image_is_refused(text: str) -> None:
    with pytest.raises(FieldErrors, match="No image"):
        read_list(text)


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(FieldErrors, match="characters"):
        read_list("a" * (MAX_CHARS + 1))


def test_more_images_than_anyone_means_are_refused() -> None:
    with pytest.raises(FieldErrors, match="images"):
        read_list("\n".join(f"app{n}" for n in range(5001)))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        "{a: " * 200_000,
        "---\n" + "- " * 300_000,
        "docker pull " + " " * 900_000 + "x",
        "- image: " + " " * 900_000 + "\n",
        "image: " + "&a " * 100_000,
        "a: &a [x]\n" * 50_000,
        "!" * 900_000,
        "$ " * 400_000,
    ],
    ids=range(9),
)
def test_hostile_text_takes_no_more_than_its_length(text: str) -> None:
    began = time.process_time()
    with contextlib.suppress(FieldErrors):
        read_list(text)
    assert time.process_time() - began < 3


PW = "Hunter2-Secret"


@pytest.mark.parametrize(
    "beside",
    [
        f"docker login -u deploy -p {PW} ghcr.io",
        f"helm registry login --password={PW} ghcr.io",
        f"crane auth login ghcr.io -u deploy -p {PW}",
        f"echo {PW} | docker login --password-stdin ghcr.io",
        f"curl -u deploy:{PW} https://ghcr.io/v2/",
        f"REGISTRY_PASSWORD={PW}",
        f"export REGISTRY_PASSWORD={PW}",
        f"kubectl create secret docker-registry x --docker-password={PW}",
    ],
)
def test_lines_that_sign_in_are_no_images(beside: str) -> None:
    (entry,) = read_list(f"{beside}\nREGISTRY_PW={PW} docker pull ghcr.io/o/r:1\n").entries
    assert (entry.reference, entry.error) == ("ghcr.io/o/r:1", None)
    assert PW not in repr(entry)


@pytest.mark.parametrize(
    "line",
    [
        f"podman pull --creds deploy:{PW} ghcr.io/o/r:1",
        f"docker pull --password {PW} ghcr.io/o/r:1 other",
        f"ctr images pull -udeploy:{PW}",
        f"oras pull --password {PW} ghcr.io/o/r:1",
        f"https://deploy:{PW}@ghcr.io/o/r",
        f"nginx;PASSWORD={PW}",
    ],
)
def test_no_line_shows_the_password_in_it(line: str) -> None:
    entries = read_list(line).entries
    said = [shown("", parts(*entry.error)) for entry in entries if entry.error]
    assert PW not in repr([(entry.text, entry.reference, entry.notes) for entry in entries]) + repr(said)
