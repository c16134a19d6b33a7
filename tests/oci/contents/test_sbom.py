"""SBOMs in each of their wrappings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oci.contents.packages import Package
from oci.contents.sbom import format_of, read_packages
from oci.errors import OciError
from oci.spec.manifest import Descriptor
from tests.support.content.inside import SPDX, as_json, envelope, statement

OPENSSL = Package("openssl", "3.0.1", "deb", "pkg:deb/debian/openssl@3.0.1?arch=amd64", ("Apache-2.0",))
ZLIB = Package("zlib", "1.3", "", "", ("Zlib",))
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
SYFT = Path(__file__).with_name("syft")


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (as_json(SPDX), "application/spdx+json"),
        (statement(SPDX, "https://spdx.dev/Document"), "application/vnd.in-toto+json"),
        (envelope(statement(SPDX, "https://spdx.dev/Document")), DSSE),
        (as_json({"dsseEnvelope": json.loads(envelope(statement(SPDX, "x")))}), BUNDLE),
    ],
)
def test_packages_are_read_from_each_wrapping(content: bytes, media_type: str) -> None:
    assert read_packages([content], media_type) == [OPENSSL, ZLIB]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        3,
        [],
        {},
        {"name": 5},
        {"name": "a", "externalRefs": {}, "licenseConcluded": 4, "versionInfo": None},
    ],
)
def test_entries_of_another_shape_harm_no_one(entry: Any) -> None:
    found = read_packages([as_json({"packages": [entry, {"name": "ok"}]})], "x")
    assert "ok" in [each.name for each in found]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"no json", "application/spdx+json"),
        (b"{}", DSSE),
        (as_json({"payload": "%%%"}), DSSE),
        (b"[1]", DSSE),
        (b"{}", "application/spdx+json"),
        (b'{"packages": null}', "application/spdx+json"),
        (b'{"other": {"packages": []}}', "application/spdx+json"),
        (as_json({"@context": "https://spdx.org/rdf/3.0.1/x", "@graph": []}), "application/spdx+json"),
        (statement({}, "https://spdx.dev/Document"), "application/vnd.in-toto+json"),
    ],
)
def test_what_is_no_sbom_is_refused(content: bytes, media_type: str) -> None:
    with pytest.raises(OciError) as caught:
        read_packages([content], media_type)
    assert caught.value.code == "unsupported_manifest"


def test_an_sbom_that_says_it_lists_nothing_is_one() -> None:
    for name in ("packages", "components"):
        assert read_packages([as_json({name: []})], "x") == []


@pytest.mark.parametrize("more", [b"[" * 5000, b"[" + b"[]," * 60_000 + b"[]]"])
def test_an_envelope_is_looked_at_before_it_is_built(more: bytes) -> None:
    content = b'{"payload": "", "more": ' + more + b"}"
    with pytest.raises(OciError) as caught:
        read_packages([content], DSSE)
    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize("image", ["alpine", "debian", "npm", "python", "several"])
def test_the_packages_are_those_that_syft_itself_found(image: str) -> None:
    """What syft 1.18.1 said of five small images (``-o syft-json -o spdx-json -o cyclonedx-json``): its own list of
    packages, and the two documents that it made of it.
    """
    said = json.loads(SYFT.joinpath(f"{image}.json").read_text())
    for form, media_type in (
        ("spdx", "application/spdx+json"),
        ("cyclonedx", "application/vnd.cyclonedx+json"),
    ):
        found = read_packages([as_json(said[form])], media_type)
        assert sorted([each.name, each.version, each.purl] for each in found) == said["packages"], form


def layer(media_type: str, **annotations: str) -> Descriptor:
    return Descriptor(media_type, "sha256:" + "0" * 64, 1, annotations=annotations)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (layer("application/spdx+json"), "spdx"),
        (layer("text/spdx+json"), "spdx"),
        (layer("text/spdx"), None),
        (layer("application/vnd.cyclonedx+json"), "cyclonedx"),
        (layer("application/vnd.cyclonedx+xml"), None),
        (
            layer(
                "application/vnd.in-toto+json", **{"in-toto.io/predicate-type": "https://spdx.dev/Document"}
            ),
            "spdx",
        ),
        (
            layer(
                "application/vnd.in-toto+json",
                **{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"},
            ),
            None,
        ),
        (layer(DSSE, predicateType="https://cyclonedx.org/bom"), "cyclonedx"),
        (layer(BUNDLE, **{"dev.sigstore.bundle.predicateType": "https://spdx.dev/Document/v2.3"}), "spdx"),
        (layer("application/octet-stream"), None),
    ],
)
def test_what_a_layer_holds_is_told_by_what_is_said_of_it(found: Descriptor, wanted: str | None) -> None:
    assert format_of(found) == wanted


def test_the_type_of_the_artifact_counts_where_the_layers_says_nothing() -> None:
    assert format_of(layer("application/octet-stream"), "application/spdx+json") == "spdx"
