"""A command that was pasted is read without what may be a password, and so is what nobody understands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.reference.command_line import hide_passwords
from oci.reference.grammar import InvalidReference
from oci.reference.parser import read_pasted


def test_the_platform_of_a_command_is_handed_on() -> None:
    assert read_pasted("docker pull --platform=linux/arm/v7 nginx").platforms == ("linux/arm/v7",)
    assert read_pasted("docker pull nginx").platforms == ()


PW = "Hunter2-Secret"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (f"podman pull --creds deploy:{PW} ghcr.io/o/r:1", "podman pull --creds *** ghcr.io/o/r:1"),
        (f"podman pull --creds=deploy:{PW} ghcr.io/o/r:1", "podman pull --creds=*** ghcr.io/o/r:1"),
        (f"ctr images pull -u deploy:{PW} ghcr.io/o/r:1", "ctr images pull -u *** ghcr.io/o/r:1"),
        (f"ctr images pull -udeploy:{PW} ghcr.io/o/r:1", "ctr images pull -u*** ghcr.io/o/r:1"),
        (f"ctr image pull --user 'deploy:{PW} x' ghcr.io/o/r:1", "ctr image pull --user *** ghcr.io/o/r:1"),
        (f"crictl pull --auth {PW} ghcr.io/o/r:1", "crictl pull --auth *** ghcr.io/o/r:1"),
        (
            f"helm pull --username deploy --password={PW} oci://ghcr.io/o/r --version 1.2.3",
            "helm pull --username *** --password=*** oci://ghcr.io/o/r:1.2.3 --version 1.2.3",
        ),
        (f"docker pull --password {PW} -q ghcr.io/o/r:1", "docker pull --password *** -q ghcr.io/o/r:1"),
        (f"docker pull -p{PW} ghcr.io/o/r:1", "docker pull -p*** ghcr.io/o/r:1"),
        (f'docker pull --password "{PW} x" ghcr.io/o/r:1', "docker pull --password *** ghcr.io/o/r:1"),
        (f"docker pull ghcr.io/o/r:1 --password '{PW} x", "docker pull ghcr.io/o/r:1 --password ***"),
        (f"docker pull --new-option={PW} ghcr.io/o/r:1", "docker pull --new-option=*** ghcr.io/o/r:1"),
        (f"docker pull --creds:{PW} ghcr.io/o/r:1", "docker pull --creds*** ghcr.io/o/r:1"),
        (f"docker pull ghcr.io/o/r:1 # password {PW}", "docker pull ghcr.io/o/r:1"),
        (f"FROM ghcr.io/o/r:1 AS build {PW}", "FROM ghcr.io/o/r:1 AS build"),
        (f"https://hub.docker.com/_/nginx/tags?name=1&token={PW}", "https://hub.docker.com/_/nginx/tags?name=1"),
        (f"docker pull https://quay.io/repository/a/b?tab=tags&t={PW}", "docker pull https://quay.io/repository/a/b?tab=tags"),
        (f"https://github.com/o/r/pkgs/container/r#access={PW}", "https://github.com/o/r/pkgs/container/r"),
    ],
)  # fmt: skip
def test_what_is_kept_of_it_holds_no_password(typed: str, kept: str) -> None:
    pasted = read_pasted(typed)
    assert pasted.kept == kept
    assert PW not in repr(pasted)
    again = read_pasted(kept)
    assert (again.reference, again.platforms, again.kept) == (pasted.reference, pasted.platforms, kept)


@pytest.mark.parametrize(
    "typed",
    [
        f"docker login -u deploy -p {PW} ghcr.io",
        f"docker login -p{PW} ghcr.io",
        f"helm registry login --username deploy --password={PW} ghcr.io",
        f"export REGISTRY_PW='{PW}'",
        f"curl -u deploy:{PW} https://ghcr.io/",
        f"kubectl create secret docker-registry x --docker-password={PW}",
        f"deploy@ghcr.io https://deploy:{PW}@ghcr.io/",
    ],
)
def test_the_passwords_of_any_command_are_hidden(typed: str) -> None:
    assert PW not in hide_passwords(typed)


@given(st.text(alphabet="docker pul-n=:'\"\\/#@ asAS\t", max_size=80))
def test_what_is_kept_is_understood_as_the_same(text: str) -> None:
    try:
        pasted = read_pasted("docker pull " + text)
    except InvalidReference:
        return
    again = read_pasted(pasted.kept)
    assert (again.reference, again.platforms, again.kept) == (pasted.reference, pasted.platforms, pasted.kept)
