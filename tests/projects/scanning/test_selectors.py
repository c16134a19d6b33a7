"""What was found: kept as it was, counted, and told to those who may know."""

from __future__ import annotations

from typing import Any

import pytest

from oci.contents.vulnerabilities import Vulnerability
from projects.models import Image, Scanner
from projects.scanning.selectors import packed, severity_of, unpacked
from stack.sample import sample_image
from testbed.services import RegistryServer
from tests.projects.scanning.scans import ask, scan, work
from tests.support.content.inside import row_of
from tests.support.people import Team
from tests.support.services.scanner import FakeScanner, found, report

pytestmark = pytest.mark.django_db


def test_what_was_found_stands_until_a_newer_scan_ends_well(
    team: Team, registry: RegistryServer, fake: FakeScanner, scanner: Scanner
) -> None:
    image = sample_image()
    registry.push("scans/again", "1", image)
    row = row_of(team.project, "again", "1", image)
    scan(team, row)
    before = ask(team, row, "/vulnerabilities")
    assert len(before["vulnerabilities"]) == 4
    first, second = image.children
    fake.reports = {first.digest: report([found(5, "Low")]), second.digest: b"{"}
    assert scan(team, row)["state"] == "failed"
    after = ask(team, row, "/vulnerabilities")
    for name in ("vulnerabilities", "critical", "high", "low", "scanned_at"):
        assert after[name] == before[name]
    fake.reports[second.digest] = report([found(6, "Low")])
    said = scan(team, row)
    assert (said["state"], said["critical"], said["low"]) == ("done", 0, 2)
    listed = ask(team, row, "/vulnerabilities")["vulnerabilities"]
    assert [each["id"] for each in listed] == ["CVE-2026-0005", "CVE-2026-0006"]


def test_what_was_found_is_kept_as_it_was() -> None:
    rows = [
        Vulnerability(
            "CVE-1", "包", "1", "", "high", "https://example.test/1", ("linux/amd64", "linux/arm64")
        ),
        Vulnerability("CVE-2", "\U0001f600", "", "", "low", ""),
    ]
    for kept in (rows, rows[:1], []):
        assert unpacked(packed(kept)) == kept
    assert unpacked(b"") == []


def test_a_rule_knows_the_severity_of_what_was_scanned_here_or_where_it_is_copied_from(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner, settings: Any
) -> None:
    settings.REGISTRY_PUBLIC_HOST = "Registry.example.com"
    other = Team.make("goal").project
    source = "registry.example.com/scans/app"
    assert severity_of(team.project, "docker.io/library/app", row.digest) is None
    scan(team, row)
    assert severity_of(team.project, "docker.io/library/app", row.digest) == "critical"
    assert severity_of(other, source, row.digest) == "critical"
    # What another project has is told to no one who does not copy from it.
    assert severity_of(other, "docker.io/library/app", row.digest) is None
    assert severity_of(other, "registry.example.com/scans/elsewhere", row.digest) is None
    assert severity_of(other, source, "sha256:" + "0" * 64) is None
    # While it is scanned again, the last scan counts.
    ask(team, row, "/scan", "POST", "developer", 202)
    assert severity_of(team.project, source, row.digest) == "critical"
    fake.body = report([])
    work()
    assert severity_of(team.project, source, row.digest) == ""
    # Of what has no report that can be read, nothing is known, and asking again tells no more.
    fake.body = b"{"
    scan(team, row)
    assert severity_of(team.project, source, row.digest) is None
    ask(team, row, "/scan", "POST", "developer", 202)
    assert severity_of(team.project, source, row.digest) is None
