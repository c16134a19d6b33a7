"""SBOMs that are attached to images: what is put together, and what is told of one that a stranger wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import Http404

from oci.contents.packages import Package
from oci.errors import OciError
from oci.spec.media_types import OCI_INDEX as INDEX
from projects.contents import downloads, sboms
from projects.contents.reading import opened_place
from stack.sample import Blob, Image, index_of
from testbed.services import RegistryServer
from tests.support.content.inside import as_json, holding, row_of, simple
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db
SPDX_TYPE = "application/spdx+json"


@pytest.fixture
def team(registry: RegistryServer, settings: Any) -> Team:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    return Team.make("bills")


def attached(registry: RegistryServer, name: str, contents: list[bytes]) -> Image:
    """An image, with SBOMs that refer to it."""
    image = simple(name)
    registry.push(f"bills/{name}", "1", image)
    subject = image.manifest.descriptor()
    notes = [holding(content, SPDX_TYPE, artifactType=SPDX_TYPE, subject=subject) for content in contents]
    for note in notes:
        registry.push(f"bills/{name}", None, note)
    listed = [{**note.manifest.descriptor(), "artifactType": SPDX_TYPE} for note in notes]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    registry.push(f"bills/{name}", image.digest.replace(":", "-"), Image(Blob(INDEX, as_json(index))))
    return image


def listing(*names: str) -> bytes:
    # Not by way of UTF-8, which has no half pairs.
    return json.dumps({"packages": [{"name": name, "versionInfo": "1\ud800"} for name in names]}).encode()


def ask(team: Team, row: Any, tail: str, status: int = 200) -> Any:
    answer = call("GET", f"/projects/{team.project.pk}/images/{row.pk}/{tail}", headers=team.bearer("viewer"))
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_name_that_is_no_text_is_told_all_the_same(team: Team, registry: RegistryServer) -> None:
    image = attached(registry, "odd", [listing("half \ud800", "nul \0")])
    row = row_of(team.project, "odd", "1", image)
    (sbom,) = ask(team, row, "sboms")["results"]
    found = ask(team, row, f"sboms/{sbom['digest']}")["packages"]
    assert [each["name"] for each in found] == ["half ?", "nul \ufffd"]
    assert ask(team, row, f"compare?with={row.pk}")["packages"]["known"] is True


def packages_of_all(row: Any) -> list[Package] | None:
    with opened_place(row, None) as place:
        root = place.manifest(row.digest)
        return sboms.packages_for(place, root, root)


def test_sboms_are_put_together_up_to_bounds_beyond_which_packages_count_as_unknown(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = attached(registry, "many", [listing("a", "b"), listing("b", "c"), listing("d")])
    row = row_of(team.project, "many", "1", image)
    assert {each.name for each in packages_of_all(row) or ()} == {"a", "b", "c", "d"}
    for name, bound in (("SBOM_PACKAGES", 3), ("_MERGED", 2), ("SBOM_BYTES", 100)):
        with monkeypatch.context() as bounded:
            bounded.setattr(sboms, name, bound)
            assert packages_of_all(row) is None, name


def test_no_more_images_are_asked_for_what_is_attached_than_are_looked_into(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sboms, "_MAX_DOCUMENTS", 3)
    children = [simple(f"child {number}") for number in range(6)]
    image = index_of(
        [Image(child.manifest, child.blobs, platform=f"linux/{n}") for n, child in enumerate(children)]
    )
    registry.push("bills/wide", "1", image)
    row = row_of(team.project, "wide", "1", image)
    asked: list[str] = []

    def referrers(_there: object, digest: str) -> tuple[()]:
        asked.append(digest)
        return ()

    with opened_place(row, None) as place:
        root = place.manifest(image.digest)
        monkeypatch.setattr(type(place.there), "referrers", referrers)
        list(sboms._Search(place).run(root))
    assert len(asked) == 3


def test_what_was_read_in_one_repository_is_not_told_in_another(team: Team, registry: RegistryServer) -> None:
    content = listing("secret")
    there = row_of(team.project, "there", "1", attached(registry, "there", [content]))
    here = row_of(team.project, "here", "1", attached(registry, "here", [listing("other")]))
    with opened_place(there, None) as place:
        (sbom,) = sboms.find_sboms(place, there.digest)
        assert [each.name for each in sboms.packages_of(place, sbom)] == ["secret"]
    with opened_place(here, None) as place, pytest.raises(OciError):
        # A manifest may name what the repository does not have.
        sboms.packages_of(place, sbom)


def test_whatever_is_attached_is_told_by_its_kind_and_downloaded(
    team: Team, registry: RegistryServer
) -> None:
    image = simple("with documents")
    registry.push("bills/documents", "1", image)
    row = row_of(team.project, "documents", "1", image)
    base = "sha256-" + image.digest.partition(":")[2]
    dsse = "application/vnd.dsse.envelope.v1+json"
    signature = holding(b"{}", "application/vnd.dev.cosign.simplesigning.v1+json")
    registry.push("bills/documents", f"{base}.sig", signature)
    vex = holding(b'{"statements": []}', dsse, annotations={"predicateType": "https://openvex.dev/ns/v0.2.0"})
    registry.push("bills/documents", f"{base}.att", vex)
    kinds = {
        "https://slsa.dev/provenance/v1": "provenance",
        "https://example.test/tested": "other",
        "https://sigstore.dev/cosign/sign/v1": "signature",
        "https://cyclonedx.org/vex": "vex",
    }
    with opened_place(row, None) as place:
        found = sboms.find_attached(place, row.digest)
        assert [(each.kind, each.sbom) for each in found] == [("vex", None), ("signature", None)]
        for said, kind in kinds.items():
            assert sboms.Attached(found[0].layer, said, "", None).kind == kind
    file = downloads.attached_file(row, team.users["viewer"], vex.blobs[1].digest)
    assert b"".join(file.streaming_content) == b'{"statements": []}'  # type: ignore[arg-type]
    file.close()
    assert file["Content-Disposition"].endswith('.vex.json"')
    with pytest.raises(Http404):
        downloads.attached_file(row, team.users["viewer"], image.blobs[0].digest)
