"""Each image of an index is scanned, whatever the index says of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from projects.models import Scanner
from projects.scanning import parts
from stack import sample
from stack.sample import OCI_INDEX, OCI_MANIFEST, sample_image
from testbed.services import RegistryServer
from tests.projects.scanning.scans import ask, scan
from tests.support.content.inside import row_of, simple
from tests.support.people import Team
from tests.support.services.scanner import FakeScanner, found, report

pytestmark = pytest.mark.django_db
AMD64 = {"platform": {"os": "linux", "architecture": "amd64"}}
ARM64 = {"platform": {"os": "linux", "architecture": "arm64"}}
NOWHERE = {"platform": {"os": "unknown", "architecture": "unknown"}}
ATTESTATION = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}


def index_of(*children: tuple[sample.Image, dict[str, Any]]) -> sample.Image:
    """An index that says these things of its children."""
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [child.manifest.descriptor(**said) for child, said in children],
    }
    content = json.dumps(body).encode()
    return sample.Image(sample.Blob(OCI_INDEX, content), children=tuple(child for child, _ in children))


def test_images_of_an_index_are_scanned_one_by_one_and_each_finding_counts_once(
    team: Team, registry: RegistryServer, fake: FakeScanner, scanner: Scanner
) -> None:
    image = sample_image()
    registry.push("scans/index", "1", image)
    row = row_of(team.project, "index", "1", image)
    first, second = image.children
    fake.reports = {
        first.digest: report([found(1, "Critical"), found(2, "Low")]),
        second.digest: report([found(1, "Critical"), found(3, "Medium")]),
    }
    said = scan(team, row)
    assert (said["critical"], said["medium"], said["low"]) == (1, 1, 1)
    worst = ask(team, row, "/vulnerabilities")["vulnerabilities"][0]
    assert worst["platforms"] == ["linux/amd64", "linux/arm64"]


def test_an_image_in_the_guise_of_an_attestation_or_within_an_inner_index_is_scanned(
    team: Team, registry: RegistryServer, fake: FakeScanner, scanner: Scanner
) -> None:
    plain, disguised, inner, lied_about, attestation = (
        simple(name) for name in ("plain", "disguised", "inner", "lied about", "attestation")
    )
    image = index_of(
        (plain, ARM64),
        (disguised, {**AMD64, **ATTESTATION}),
        (index_of((inner, AMD64)), {**NOWHERE, **ATTESTATION}),
        (index_of((lied_about, AMD64)), {**AMD64, "mediaType": OCI_MANIFEST}),
        (attestation, {**NOWHERE, **ATTESTATION}),
    )
    registry.push("scans/disguised", "1", image)
    row = row_of(team.project, "disguised", "1", image)
    fake.body = report([])
    fake.reports = {
        disguised.digest: report([found(1, "Critical")]),
        inner.digest: report([found(2, "High")]),
        lied_about.digest: report([found(3, "Low")]),
    }
    said = scan(team, row)
    assert (said["state"], said["critical"], said["high"], said["low"]) == ("done", 1, 1, 1)
    scanned = [each["artifact"]["digest"] for each in fake.asked]
    assert scanned == [plain.digest, disguised.digest, inner.digest, lied_about.digest]


@pytest.mark.parametrize("bound", ["INDEX_DEPTH", "MAX_PARTS"])
def test_an_index_beyond_the_bounds_is_a_failed_scan(
    team: Team,
    registry: RegistryServer,
    fake: FakeScanner,
    scanner: Scanner,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
) -> None:
    image = index_of((index_of((simple("one"), AMD64), (simple("two"), ARM64)), {}))
    registry.push("scans/deep", "1", image)
    row = row_of(team.project, "deep", "1", image)
    monkeypatch.setattr(parts, bound, 1)
    assert scan(team, row)["state"] == "failed"
    assert not fake.asked
