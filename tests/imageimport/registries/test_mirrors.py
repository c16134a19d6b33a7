"""Mirrors as the operator writes them, and what the system checks say of them and of the portal's own addresses."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured

from imageimport.registries.mirrors import read_mirrors, read_mirrors_only

SECRET = "s3cret-of-the-mirror"


def test_mirrors_are_read_in_order_and_by_the_registrys_one_name() -> None:
    found = read_mirrors(
        "docker.io=https://a.example, http://10.0.0.5:5000/hub/ ; GHCR.io=https://b.example;"
    )
    assert found == {
        "docker.io": ("https://a.example", "http://10.0.0.5:5000/hub"),
        "ghcr.io": ("https://b.example",),
    }
    assert list(read_mirrors("index.docker.io=https://a.example")) == ["docker.io"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"docker.io=https://robot:{SECRET}@mirror.example", "user name or password"),
        (f"docker.io=https://a.example,http://{SECRET}@10.0.0.5:5000", "user name or password"),
        (f"docker.io=robot:{SECRET}@mirror.example", "user name or password"),
        ("docker.io=ftp://mirror.example", "can't be a mirror"),
        ("docker.io=mirror.example", "can't be a mirror"),
        ("docker.io=https://127.1", "unusual form"),
        ("docker.io=https://mirror.example:99999", "can't be a mirror"),
        ("docker.io=", "should read"),
        ("https://mirror.example", "should read"),
        (f"=https://robot:{SECRET}@mirror.example", "should read"),
        ("https://docker.io=https://mirror.example", "is not a registry"),
        ("*=https://mirror.example", "is not a registry"),
        ("10.0.0.0/8=https://mirror.example", "is not a registry"),
    ],
)
def test_what_is_no_mirror_is_refused_with_a_sentence_and_without_its_password(text: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said) as caught:
        read_mirrors(text)
    assert SECRET not in str(caught.value)


def test_registries_that_are_read_by_mirrors_only_have_one_name() -> None:
    found = read_mirrors_only(" index.docker.io, GHCR.io:443,,registry.example:05000,[::1]:5000 ")
    assert found == ["docker.io", "ghcr.io", "registry.example:5000", "[::1]:5000"]
    assert read_mirrors_only("") == []


@pytest.mark.parametrize(
    "entry",
    ["https://docker.io", "docker.io/library", "*", "*.example.com", "10.0.0.0/8", "127.1", "ghcr.io:port",
     f"https://robot:{SECRET}@ghcr.io"],
)  # fmt: skip
def test_what_names_no_registry_stops_the_start_since_it_would_protect_none(entry: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"IMPORT_MIRRORS_ONLY: .* is not a registry") as caught:
        read_mirrors_only(f"quay.io,{entry}")
    assert SECRET not in str(caught.value)


def ids() -> set[str]:
    return {
        message.id
        for message in run_checks(tags=[Tags.security])
        if message.id and message.id.startswith("portal.E")
    }


def test_the_defaults_pass_every_check() -> None:
    assert ids() == set()


def test_a_mirror_that_no_door_can_be_built_for_is_an_error(settings: Any) -> None:
    settings.IMPORT_REGISTRY_MIRRORS = {"docker.io": ("https://robot:secret@mirror.example",)}
    assert ids() == {"portal.E007"}


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:6379", "http://localhost:6379"])
def test_a_mirror_that_is_one_of_our_own_services_is_an_error(settings: Any, mirror: str) -> None:
    settings.OWN_ENDPOINTS = [("127.0.0.1", 6379)]
    settings.IMPORT_REGISTRY_MIRRORS = {"docker.io": (mirror,)}
    assert ids() == {"portal.E009"}


def test_an_own_service_at_a_host_that_cant_be_read_is_an_error(settings: Any) -> None:
    settings.OWN_ENDPOINTS = [("redis host", 6379)]
    assert ids() == {"portal.E010"}
