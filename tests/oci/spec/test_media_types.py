"""Media types and Content-Type."""

from __future__ import annotations

import pytest

from oci.spec import media_types
from oci.spec.digest import digest_of


@pytest.mark.parametrize(
    ("header", "bare"),
    [
        (None, ""),
        ("", ""),
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" application/json ;x", "application/json"),
    ],
)
def test_parameters_and_case_of_a_content_type_do_not_matter(header: str | None, bare: str) -> None:
    assert media_types.bare_type(header) == bare


def test_the_one_accept_header_has_the_four_kinds_and_not_schema_1() -> None:
    offered = set(media_types.ACCEPT_MANIFESTS.split(", "))
    assert offered == media_types.MANIFEST_TYPES
    assert not offered & media_types.SCHEMA1_TYPES


@pytest.mark.parametrize("text", ["a/b", "application/vnd.oci.image.layer.v1.tar+gzip", "text/x-1.2_3"])
def test_good_media_types(text: str) -> None:
    assert media_types.is_media_type(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a/",
        "/b",
        "a/b/c",
        "a/b;c=d",
        "a b/c",
        "a/b\n",
        "a/b\r\nX: y",
        "\u0430/b",
        "a/" + "b" * 200,
        None,
    ],
)
def test_bad_media_types(text: object) -> None:
    assert not media_types.is_media_type(text)


def test_foreign_layers_are_dockers_and_ocis() -> None:
    assert media_types.is_foreign("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    assert media_types.is_foreign("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd")
    assert not media_types.is_foreign("application/vnd.oci.image.layer.v1.tar+zstd")


def test_the_empty_configuration_has_its_digest() -> None:
    assert digest_of(media_types.EMPTY_JSON) == media_types.EMPTY_JSON_DIGEST


def test_only_manifests_are_fetched_as_manifests() -> None:
    assert media_types.is_manifest_type(media_types.DOCKER_LIST)
    assert not media_types.is_manifest_type(media_types.OCI_CONFIG)
