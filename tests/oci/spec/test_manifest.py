"""Manifests: what is understood, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci import limits
from oci.errors import OciError
from oci.spec import media_types
from oci.spec.digest import digest_of
from oci.spec.manifest import Manifest, parse_manifest
from tests.oci.manifests import SHA256, attestation, body_of, child, descriptor, image, index


def parse(document: Any, content_type: str | None = None, expected: str | None = None) -> Manifest:
    return parse_manifest(body_of(document), content_type, expected_digest=expected)


def refusal(document: Any, content_type: str | None = None) -> OciError:
    with pytest.raises(OciError) as refused:
        if isinstance(document, bytes):
            parse_manifest(document, content_type, expected_digest=None)
        else:
            parse(document, content_type)
    assert str(refused.value)
    return refused.value


# --- what is understood -------------------------------------------------------------------------------------
def test_an_image_is_read() -> None:
    body = body_of(image(annotations={"a": "b"}))
    manifest = parse_manifest(body, media_types.OCI_MANIFEST, expected_digest=digest_of(body))
    assert (manifest.kind, manifest.is_index) == ("image", False)
    assert manifest.media_type == media_types.OCI_MANIFEST
    assert (manifest.body, manifest.size, manifest.digest) == (body, len(body), digest_of(body))
    assert manifest.config is not None
    assert manifest.config.media_type == media_types.OCI_CONFIG
    assert [layer.digest for layer in manifest.layers] == [SHA256]
    assert dict(manifest.annotations) == {"a": "b"}


def test_an_index_is_read() -> None:
    manifest = parse(
        index(
            child("a", "linux/amd64"),
            child("b", mediaType=media_types.DOCKER_MANIFEST),
            child("c", mediaType=media_types.OCI_INDEX),
            attestation("d", of="a"),
        )
    )
    assert manifest.is_index
    assert [str(entry.platform) for entry in manifest.manifests] == [
        "linux/amd64",
        "None",
        "None",
        "unknown/unknown",
    ]
    assert [entry.is_index for entry in manifest.manifests] == [False, False, True, False]
    assert manifest.blobs == ()


@pytest.mark.parametrize("media_type", sorted(media_types.MANIFEST_TYPES))
@pytest.mark.parametrize("parameters", ["", "; charset=utf-8", " ;x=y"])
def test_content_type_and_body_agree_whatever_the_parameters(media_type: str, parameters: str) -> None:
    document = index() if media_type in media_types.INDEX_TYPES else image()
    manifest = parse(document | {"mediaType": media_type}, media_type.upper() + parameters)
    assert manifest.media_type == media_type


@pytest.mark.parametrize(
    "generic", [None, "", "application/json", "application/octet-stream", "text/plain; x=y"]
)
def test_a_generic_content_type_leaves_it_to_the_body(generic: str | None) -> None:
    docker = image(mediaType=media_types.DOCKER_MANIFEST)
    assert parse(docker, generic).media_type == media_types.DOCKER_MANIFEST
    assert parse(image(mediaType=...), generic).media_type == media_types.OCI_MANIFEST
    assert parse(index(mediaType=...), generic).media_type == media_types.OCI_INDEX


def test_an_absent_media_type_is_fine_in_oci_1_0() -> None:
    assert parse(image(mediaType=...), media_types.OCI_MANIFEST).kind == "image"
    assert parse(index(mediaType=...), media_types.OCI_INDEX).kind == "index"
    assert parse(image(mediaType=...), media_types.DOCKER_MANIFEST).media_type == media_types.DOCKER_MANIFEST


def test_an_artifact_is_read() -> None:
    empty = descriptor(
        mediaType=media_types.OCI_EMPTY, digest=media_types.EMPTY_JSON_DIGEST, size=2, data="e30="
    )
    manifest = parse(
        image(
            config=empty,
            layers=[empty],
            artifactType="application/vnd.example+type",
            subject=descriptor(mediaType=media_types.OCI_MANIFEST),
        )
    )
    assert manifest.artifact_type == "application/vnd.example+type"
    assert manifest.subject is not None
    assert manifest.subject.digest == SHA256
    assert manifest.config is not None
    assert manifest.config.data == b"{}"
    assert [blob.digest for blob in manifest.blobs] == [media_types.EMPTY_JSON_DIGEST]


@pytest.mark.parametrize("layers", [[], None, ...])
def test_an_image_may_have_no_layers(layers: Any) -> None:
    manifest = parse(image(layers=layers))
    assert manifest.layers == ()
    assert len(manifest.blobs) == 1


@pytest.mark.parametrize("children", [[], None])
def test_an_index_may_have_no_children(children: Any) -> None:
    assert parse(index(manifests=children)).manifests == ()


def test_an_index_may_have_a_subject_and_a_type() -> None:
    manifest = parse(index(subject=descriptor(), artifactType="a/b"))
    assert manifest.subject is not None
    assert manifest.artifact_type == "a/b"


def test_blobs_are_named_once_and_without_foreign_layers() -> None:
    foreign = descriptor(
        mediaType=min(media_types.FOREIGN_LAYER_TYPES),
        digest="sha256:" + "f" * 64,
        urls=["http://169.254.169.254/"],
    )
    manifest = parse(image(layers=[descriptor(), foreign, descriptor()]))
    assert len(manifest.layers) == 3
    assert [blob.digest[7] for blob in manifest.blobs] == ["c", "a"]


def test_keys_of_later_specifications_are_left_alone() -> None:
    assert parse(image(futureField={"size": -1}, Zebra=1)).kind == "image"


def test_the_body_is_not_in_the_representation() -> None:
    assert "schemaVersion" not in repr(parse(image()))


def test_the_largest_counts_are_still_fine() -> None:
    assert len(parse(image(layers=[descriptor()] * limits.LAYERS)).layers) == limits.LAYERS
    assert len(parse(index(*[child("a")] * limits.CHILDREN)).manifests) == limits.CHILDREN


# --- digests ------------------------------------------------------------------------------------------------
def test_a_manifest_asked_for_by_sha512_is_known_by_it() -> None:
    body = body_of(image())
    digest = digest_of(body, algorithm="sha512")
    assert parse_manifest(body, None, expected_digest=digest).digest == digest


@pytest.mark.parametrize("expected", [SHA256, "sha512:" + "a" * 128])
def test_another_content_than_asked_for_is_a_digest_mismatch(expected: str) -> None:
    with pytest.raises(OciError) as refused:
        parse(image(), expected=expected)
    assert refused.value.code == "digest_mismatch"
    assert expected in str(refused.value)


def test_the_digest_is_checked_before_anything_is_parsed() -> None:
    with pytest.raises(OciError) as refused:
        parse_manifest(b"<html>", "text/html", expected_digest=SHA256)
    assert refused.value.code == "digest_mismatch"


# --- what is refused ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        ({"schemaVersion": 1, "fsLayers": [], "history": []}, media_types.DOCKER_SCHEMA1),
        ({"schemaVersion": 1, "signatures": []}, media_types.DOCKER_SCHEMA1_SIGNED + "; charset=utf-8"),
        ({"schemaVersion": 1, "name": "x"}, None),
        ({"schemaVersion": 1, "name": "x"}, "application/json"),
        (image(), media_types.DOCKER_SCHEMA1),
    ],
)
def test_schema_1_is_refused_by_name(document: Any, content_type: str | None) -> None:
    error = refusal(document, content_type)
    assert error.code == "unsupported_manifest"
    assert "schema 1" in str(error)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (image(manifests=[child("a")]), "contradicts itself"),
        (image(manifests=[]), "contradicts itself"),
        (image(manifests=None), "contradicts itself"),
        (index(layers=[descriptor()]), "contradicts itself"),
        (index(config=descriptor()), "contradicts itself"),
        (index(fsLayers=[]), "contradicts itself"),
        (image(fsLayers=[]), "contradicts itself"),
        (image(blobs=[]), "contradicts itself"),
        (image(mediaType=..., manifests=[]), "contradicts itself"),
        (image(Manifests=[child("a")]), "misspelled"),
        (image(LAYERS=[]), "misspelled"),
        (index() | {"layer\u017f": []}, "misspelled"),
        (image(mediatype="a/b"), "misspelled"),
        (image(config=...), "no configuration"),
        (image(config=None), "no configuration"),
        (image(config=[]), "object is required"),
        (image(layers={}), "layers is not a list"),
        (image(layers="x"), "layers is not a list"),
        (image(layers=[None]), "object is required"),
        (image(layers=[descriptor(digest="sha256:../../x")]), "digest"),
        (image(layers=[descriptor(size=True)]), "size"),
        (image(subject="x"), "object is required"),
        (image(subject=descriptor(digest="x")), "digest"),
        (image(annotations={"a": None}), "annotations"),
        (index(manifests={}), "manifests is not a list"),
        (index(child("a", size=-1)), "size"),
        (image(schemaVersion=...), "schemaVersion"),
        (image(schemaVersion=3), "schemaVersion"),
        (image(schemaVersion="2"), "schemaVersion"),
        (image(schemaVersion=2.0), "schemaVersion"),
        (image(schemaVersion=True), "schemaVersion"),
        (image(mediaType=7), "string"),
        (image(mediaType="application/vnd.oci.artifact.manifest.v1+json"), "not supported"),
        (image(mediaType=""), "not supported"),
        ([image()], "object is required"),
        ("x", "object is required"),
        (None, "object is required"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:40],
)
def test_a_malformed_manifest_is_refused(document: Any, sentence: str) -> None:
    error = refusal(document)
    assert error.code == "unsupported_manifest"
    assert sentence in str(error)
    assert not error.retryable


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (image(), media_types.DOCKER_MANIFEST),
        (image(), media_types.OCI_INDEX),
        (index(), media_types.OCI_MANIFEST),
        (image(), "text/html"),
    ],
)
def test_a_content_type_that_says_otherwise_is_refused(document: Any, content_type: str) -> None:
    error = refusal(document, content_type)
    assert error.code == "unsupported_manifest"
    assert content_type in str(error)


def test_an_unknown_content_type_is_refused_by_name() -> None:
    error = refusal(image(mediaType=...), "application/x.new")
    assert "application/x.new are not supported" in str(error)


def test_an_index_without_media_type_sent_as_an_image_is_refused() -> None:
    assert "contradicts itself" in str(refusal(index(mediaType=...), media_types.OCI_MANIFEST))


@pytest.mark.parametrize(
    "document",
    [
        image(layers=[descriptor()] * (limits.LAYERS + 1)),
        index(*[child("a")] * (limits.CHILDREN + 1)),
        index(*[child("a")] * 10_000),
        b" " * (limits.MANIFEST_BYTES + 1),
        b'{"schemaVersion":2,"a":' + b"[" * 100_000,
        b"[" + b"1," * 500_000 + b"1]",
    ],
    ids=["layers", "children", "ten thousand children", "bytes", "depth", "values"],
)
def test_what_is_beyond_a_limit_says_so(document: Any) -> None:
    assert refusal(document).code == "limit_exceeded"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><script>alert(1)</script></html>",
        b'{"schemaVersion":2,"schemaVersion":2}',
        b'{"schemaVersion":NaN}',
        b'{"schemaVersion":' + b"2" * 5000 + b"}",
        b"\xff\xfe{\x00}\x00",
        b'\xef\xbb\xbf{"schemaVersion":2}',
        b'{"schemaVersion":2,"annotations":{"a":"\\ud800"}}',
        b'{"schemaVersion":2,"annotations":{"a":"\\u0000"}}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    error = refusal(body, media_types.OCI_MANIFEST)
    assert error.code == "unsupported_manifest"
    assert "Can't read" in str(error)


_scraps = st.sampled_from(
    [None, True, -1, 2, 7.5, "", "x", SHA256, [], {}, [descriptor()], descriptor(), image(), index()]
)
_keys = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations", "x"]
)


@given(st.sampled_from([image(), index(child("a"))]), st.dictionaries(_keys, _scraps, max_size=3))
def test_any_change_to_a_manifest_gives_a_manifest_or_a_sentence(
    document: dict[str, Any], changes: dict[str, Any]
) -> None:
    try:
        manifest = parse(document | changes)
    except OciError as error:
        assert error.code in {"unsupported_manifest", "limit_exceeded"}
        assert str(error)
    else:
        assert manifest.kind in ("image", "index")
        assert manifest.media_type in media_types.MANIFEST_TYPES
