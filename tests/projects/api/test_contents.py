"""What the API says of an image's inside, with a real registry behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from projects.models import Project
from stack.sample import Blob, Image, file_layer, index_of, sample_image
from testbed.services import RegistryServer
from tests.support.content.inside import (
    CYCLONEDX,
    SPDX,
    as_json,
    envelope,
    holding,
    made,
    row_of,
    simple,
    statement,
)
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(registry: RegistryServer, settings: Any) -> Team:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    return Team.make("inside")


def ask(team: Team, row: Any, tail: str, status: int = 200) -> Any:
    answer = call("GET", f"/projects/{team.project.pk}/images/{row.pk}/{tail}", headers=team.bearer("viewer"))
    assert answer.status_code == status, answer.content
    return answer.json()


def test_contents_are_those_of_the_platform_that_is_asked_for(team: Team, registry: RegistryServer) -> None:
    image = sample_image()
    registry.push("inside/hello", "1", image)
    row = row_of(team.project, "hello", "1", image)
    found = ask(team, row, "contents?platform=linux/arm64")
    arm = next(child for child in image.children if child.platform == "linux/arm64")
    assert (found["platform"], found["digest"], found["architecture"]) == ("linux/arm64", arm.digest, "arm64")
    assert found["platforms"] == ["linux/amd64", "linux/arm64"]
    assert [layer["digest"] for layer in found["layers"]] == [line["layer"] for line in found["history"]]
    assert found["labels"] == {"org.opencontainers.image.title": "hello"}
    assert found["config"]["Cmd"] == ["/hello"]
    assert ask(team, row, "contents")["platform"] == "linux/amd64"


def test_a_platform_that_the_image_does_not_have_is_refused_with_those_that_it_has(
    team: Team, registry: RegistryServer
) -> None:
    registry.push("inside/hello", "1", sample_image())
    row = row_of(team.project, "hello", "1", sample_image())
    refused = ask(team, row, "contents?platform=linux/s390x", 409)
    assert refused["code"] == "no_platform"
    assert "linux/amd64" in refused["detail"]


def test_annotations_and_labels_are_told_as_they_are(team: Team, registry: RegistryServer) -> None:
    image = made(
        {"os": "linux", "architecture": "amd64", "config": {"Labels": {"url": "https://example.test"}}},
        [file_layer({"a": b"1"})],
        annotations={"org.opencontainers.image.revision": "abc"},
    )
    registry.push("inside/labels", "1", image)
    found = ask(team, row_of(team.project, "labels", "1", image), "contents")
    assert found["labels"] == {"url": "https://example.test"}
    assert found["annotations"] == {"org.opencontainers.image.revision": "abc"}
    assert [line["created_by"] for line in found["history"]] == [""]


def test_images_are_compared_by_id_and_by_digest(team: Team, registry: RegistryServer) -> None:
    old, new = simple("old", User="root"), simple("new", User="app")
    for tag, image in (("1", old), ("2", new)):
        registry.push("inside/app", tag, image)
    before, after = (row_of(team.project, "app", tag, image) for tag, image in (("1", old), ("2", new)))
    found = ask(team, after, f"compare?with={before.pk}")
    assert found["same"] is False
    assert {"key": "User", "before": "root", "after": "app"} in found["config"]
    assert [len(found["layers"][kind]) for kind in ("kept", "added", "removed")] == [0, 1, 1]
    assert found["packages"] == {"known": False, "added": [], "removed": [], "changed": []}
    back = ask(team, before, f"compare?with={new.digest}")
    assert back["layers"]["added"] == found["layers"]["removed"]
    assert back["size"] == {"before": found["size"]["after"], "after": found["size"]["before"]}


def test_an_image_compared_with_itself_differs_in_nothing(team: Team, registry: RegistryServer) -> None:
    image = simple("same")
    registry.push("inside/same", "1", image)
    found = ask(team, row := row_of(team.project, "same", "1", image), f"compare?with={row.pk}")
    assert found["same"] is True
    assert found["config"] == found["layers"]["added"] == found["layers"]["removed"] == []
    assert found["size"]["before"] == found["size"]["after"]


@pytest.mark.parametrize(
    "other", ["", "nonsense", "sha256:" + "0" * 64, "00000000-0000-0000-0000-000000000000"]
)
def test_what_the_project_does_not_have_is_no_partner(
    team: Team, registry: RegistryServer, other: str
) -> None:
    registry.push("inside/alone", "1", simple("alone"))
    row = row_of(team.project, "alone", "1", simple("alone"))
    assert "with" in ask(team, row, f"compare?with={other}", 400)


def test_an_image_of_another_project_is_no_partner(team: Team, registry: RegistryServer) -> None:
    theirs = simple("theirs")
    registry.push("others/app", "1", theirs)
    foreign = row_of(Project.objects.create(name="others"), "app", "1", theirs)
    registry.push("inside/ours", "1", simple("ours"))
    row = row_of(team.project, "ours", "1", simple("ours"))
    for other in (foreign.pk, theirs.digest):
        assert "with" in ask(team, row, f"compare?with={other}", 400)


def attested(image: Image, content: bytes) -> Image:
    """An index as BuildKit writes it: the image, and what it attests to it."""
    note = holding(
        content,
        "application/vnd.in-toto+json",
        annotations={"in-toto.io/predicate-type": "https://spdx.dev/Document"},
    )
    index = index_of([Image(image.manifest, image.blobs, platform="linux/amd64"), note])
    body = json.loads(index.manifest.data)
    body["manifests"][1]["platform"] = {"os": "unknown", "architecture": "unknown"}
    body["manifests"][1]["annotations"] = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image.digest,
    }
    return Image(Blob(index.manifest.media_type, as_json(body)), children=index.children)


def test_an_sbom_of_buildkit_is_listed_searched_and_downloaded(team: Team, registry: RegistryServer) -> None:
    content = statement(SPDX, "https://spdx.dev/Document")
    image = attested(simple("built"), content)
    registry.push("inside/built", "1", image)
    row = row_of(team.project, "built", "1", image)
    (sbom,) = ask(team, row, "sboms")["results"]
    assert (sbom["format"], sbom["platform"], sbom["attached"]) == ("spdx", "linux/amd64", "attestation")
    listed = ask(team, row, f"sboms/{sbom['digest']}")
    assert listed["packages"] == [
        {
            "name": "openssl",
            "version": "3.0.1",
            "type": "deb",
            "purl": "pkg:deb/debian/openssl@3.0.1?arch=amd64",
            "licences": ["Apache-2.0"],
        },
        {"name": "zlib", "version": "1.3", "type": "", "purl": "", "licences": ["Zlib"]},
    ]
    assert [each["name"] for each in ask(team, row, f"sboms/{sbom['digest']}?search=ZLIB")["packages"]] == [
        "zlib"
    ]
    first = ask(team, row, f"sboms/{sbom['digest']}?page_size=1")
    assert len(first["packages"]) == 1
    assert first["next"]
    path = f"/projects/{team.project.pk}/images/{row.pk}/sboms/{sbom['digest']}/file"
    file = call("GET", path, headers=team.bearer("viewer"))
    assert b"".join(file.streaming_content) == content
    assert file["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in file["Content-Security-Policy"]
    assert file["Content-Disposition"].startswith("attachment")


def test_sboms_of_cosign_and_of_referrers_are_found(team: Team, registry: RegistryServer) -> None:
    image = simple("signed")
    registry.push("inside/signed", "1", image)
    base = "sha256-" + image.digest.partition(":")[2]
    cosign = holding(
        envelope(statement(CYCLONEDX, "https://cyclonedx.org/bom")),
        "application/vnd.dsse.envelope.v1+json",
        annotations={"predicateType": "https://cyclonedx.org/bom"},
    )
    registry.push("inside/signed", f"{base}.att", cosign)
    subject = image.manifest.descriptor()
    plain = holding(
        as_json(SPDX), "application/spdx+json", artifactType="application/spdx+json", subject=subject
    )
    registry.push("inside/signed", None, plain)
    referrers = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [plain.manifest.descriptor(artifactType="application/spdx+json")],
    }
    registry.push("inside/signed", base, Image(Blob(referrers["mediaType"], as_json(referrers))))  # type: ignore[arg-type]
    row = row_of(team.project, "signed", "1", image)
    found = {each["attached"]: each for each in ask(team, row, "sboms")["results"]}
    assert {way: each["format"] for way, each in found.items()} == {"tag": "cyclonedx", "referrer": "spdx"}
    listed = ask(team, row, f"sboms/{found['tag']['digest']}")["packages"]
    assert [(each["name"], each["type"], each["licences"]) for each in listed] == [
        ("requests", "pypi", ["Apache-2.0", "MIT OR BSD-3-Clause"]),
        ("urllib3", "pypi", []),
    ]


def test_packages_are_compared_by_the_attached_sboms(team: Team, registry: RegistryServer) -> None:
    newer = {**SPDX, "packages": [{"name": "zlib", "versionInfo": "1.4"}]}
    rows = []
    for tag, document in (("1", SPDX), ("2", newer)):
        image = attested(simple(f"with {tag}"), statement(document, "https://spdx.dev/Document"))
        registry.push("inside/packages", tag, image)
        rows.append(row_of(team.project, "packages", tag, image))
    found = ask(team, rows[1], f"compare?with={rows[0].pk}")["packages"]
    assert found["known"] is True
    assert found["changed"] == [{"name": "zlib", "type": "", "before": "1.3", "after": "1.4"}]
    assert [each["name"] for each in found["removed"]] == ["openssl"]


def test_a_blob_of_the_image_that_is_no_sbom_is_not_given_as_one(
    team: Team, registry: RegistryServer
) -> None:
    image = simple("no-sbom")
    registry.push("inside/none", "1", image)
    row = row_of(team.project, "none", "1", image)
    assert ask(team, row, "sboms")["results"] == []
    for digest in (image.blobs[0].digest, image.digest, "x"):
        ask(team, row, f"sboms/{digest}", 404)
        ask(team, row, f"sboms/{digest}/file", 404)


def test_what_is_not_in_the_registry_anymore_is_told(team: Team) -> None:
    row = row_of(team.project, "gone", "1", simple("never pushed"))
    assert ask(team, row, "contents", 502)["code"] == "target_error"
