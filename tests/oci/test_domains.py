"""Which hosts are taken for one organisation's."""

from __future__ import annotations

import pytest

from oci.domains import registrable_domain


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("auth.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("registry.gitlab.com", "gitlab.com"),
        ("docker.io", "docker.io"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("registry.cn-hangzhou.aliyuncs.com", "aliyuncs.com"),
        ("registry.example.com.cn", "example.com.cn"),
        ("one.github.io", "one.github.io"),
        ("x.one.github.io", "one.github.io"),
        ("team.azurecr.io", "team.azurecr.io"),
        ("123.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1.amazonaws.com"),
    ],
)
def test_the_registered_name(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "::1", "co.uk", "com.cn", "github.io", "10.0.0.1", "a..b", ""]
)
def test_what_nobody_registered(host: str) -> None:
    assert registrable_domain(host) is None
