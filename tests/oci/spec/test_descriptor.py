"""Descriptors are checked before anyone acts on them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from oci.errors import OciError
from oci.spec import media_types
from oci.spec.descriptor import read_descriptor
from oci.spec.digest import digest_of
from oci.spec.platform import Platform
from tests.oci.manifests import SHA256, attestation, child, descriptor


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"digest": "sha256:../../x"}, "digest"),
        ({"digest": "sha256:" + "A" * 64}, "digest"),
        ({"digest": "sha384:" + "a" * 96}, "digest"),
        ({"digest": SHA256 + "\n"}, "digest"),
        ({"digest": 7}, "digest"),
        ({"digest": ...}, "digest"),
        ({"size": -1}, "size"),
        ({"size": True}, "size"),
        ({"size": False}, "size"),
        ({"size": 1.0}, "size"),
        ({"size": "7"}, "size"),
        ({"size": None}, "size"),
        ({"size": ...}, "size"),
        ({"size": 2**63}, "size"),
        ({"mediaType": ...}, "media type"),
        ({"mediaType": ""}, "media type"),
        ({"mediaType": "text/html; charset=utf-8"}, "media type"),
        ({"mediaType": "a/b\r\nAuthorization: x"}, "media type"),
        ({"mediaType": ["a/b"]}, "media type"),
        ({"annotations": ["a"]}, "annotations"),
        ({"annotations": {"a": 1}}, "annotations"),
        ({"annotations": {"a": {}}}, "annotations"),
        ({"urls": "https://example.com"}, "string"),
        ({"urls": [1]}, "string"),
        ({"data": 7}, "string"),
        ({"artifactType": 7}, "string"),
        ({"platform": "linux/amd64"}, "object"),
        ({"platform": {"os": 1, "architecture": "amd64"}}, "string"),
        ({"platform": {"os": "li nux", "architecture": "amd64"}}, "platform"),
        ({"platform": {"os": "linux", "architecture": "../x"}}, "platform"),
        ({"platform": {"os": "linux", "architecture": ""}}, "platform"),
        ({"platform": {"os": "linux", "architecture": "arm", "variant": "<b>"}}, "platform"),
        ({"platform": {"os": "linux", "architecture": "arm", "OS": "windows"}}, "misspelled"),
        ({"Digest": SHA256}, "misspelled"),
        ({"SIZE": 9}, "misspelled"),
        ({"\u017fize": 9}, "misspelled"),  # a long s, which Go's parser takes for s
    ],
    ids=repr,
)
def test_a_malformed_descriptor_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OciError) as refused:
        read_descriptor(descriptor(**changes))
    assert refused.value.code == "unsupported_manifest"
    assert sentence in str(refused.value)


@pytest.mark.parametrize("value", [None, [], "x", 7, True])
def test_a_descriptor_is_an_object(value: Any) -> None:
    with pytest.raises(OciError, match="object is required"):
        read_descriptor(value)


def test_all_its_parts_are_read() -> None:
    entry = child(
        "b",
        "linux/arm/v7",
        artifactType="application/x.test",
        annotations={"a": "b", "A": "c"},
        urls=["https://example.com/x"],
        unknown={"size": -1},
    )
    entry["platform"]["os.version"] = "10.0.1"
    entry["platform"]["os.features"] = ["win32k"]
    read = read_descriptor(entry)
    assert read.platform == Platform("linux", "arm", "v7", "10.0.1", ("win32k",))
    assert read.artifact_type == "application/x.test"
    assert dict(read.annotations) == {"a": "b", "A": "c"}
    assert read.urls == ("https://example.com/x",)
    assert not read.is_index
    assert isinstance(hash(read), int)


def test_nobody_changes_the_annotations_of_a_checked_descriptor() -> None:
    read = read_descriptor(descriptor(annotations={"a": "b"}))
    with pytest.raises(TypeError):
        read.annotations["a"] = "c"  # type: ignore[index]


def test_any_type_of_layer_and_sha512_are_fine() -> None:
    read = read_descriptor(descriptor(mediaType="application/x.own", digest="sha512:" + "a" * 128, size=0))
    assert (read.media_type, read.size) == ("application/x.own", 0)


@pytest.mark.parametrize("empty", [{}, {"os": "", "architecture": ""}, None])
def test_an_empty_platform_says_nothing(empty: Any) -> None:
    assert read_descriptor(descriptor(platform=empty)).platform is None


@pytest.mark.parametrize("media_type", sorted(media_types.FOREIGN_LAYER_TYPES))
def test_a_foreign_layer_is_known_by_its_type(media_type: str) -> None:
    assert read_descriptor(descriptor(mediaType=media_type, urls=["https://example.com/x"])).is_foreign


def test_urls_alone_make_no_foreign_layer() -> None:
    assert not read_descriptor(descriptor(urls=["https://example.com/x"])).is_foreign


def test_an_attestation_says_what_it_is_about() -> None:
    read = read_descriptor(attestation("d", of="b"))
    assert read.is_attestation
    assert read.attests == "sha256:" + "b" * 64


def test_an_attestation_is_also_known_without_its_type() -> None:
    entry = attestation("d", of="b")
    del entry["annotations"]["vnd.docker.reference.type"]
    assert read_descriptor(entry).attests == "sha256:" + "b" * 64
    entry["platform"] = {"os": "linux", "architecture": "amd64"}
    assert read_descriptor(entry).attests is None


def test_an_attestation_about_a_malformed_digest_is_about_nothing() -> None:
    entry = attestation("d", of="b")
    entry["annotations"]["vnd.docker.reference.digest"] = "sha256:../x"
    assert read_descriptor(entry).is_attestation
    assert read_descriptor(entry).attests is None


# --- embedded data ------------------------------------------------------------------------------------------
def embedded(content: bytes, **changes: Any) -> dict[str, Any]:
    entry = {
        "digest": digest_of(content),
        "size": len(content),
        "data": base64.b64encode(content).decode(),
    }
    return descriptor(**(entry | changes))


def test_embedded_data_is_read_where_it_is_what_it_says() -> None:
    assert read_descriptor(embedded(b"{}")).data == b"{}"
    sha512 = embedded(b"{}", digest=digest_of(b"{}", algorithm="sha512"))
    assert read_descriptor(sha512).data == b"{}"


@pytest.mark.parametrize(
    "changes",
    [
        {"data": base64.b64encode(b"xx").decode()},
        {"size": 3},
        {"digest": SHA256},
        {"data": "e30"},
        {"data": "e 30="},
        {"data": "\u0661"},
        {"data": "-_-_"},
        {"data": ""},
        {"data": None},
    ],
    ids=repr,
)
def test_embedded_data_that_lies_is_left_to_be_fetched(changes: dict[str, Any]) -> None:
    assert read_descriptor(embedded(b"{}", **changes)).data is None
