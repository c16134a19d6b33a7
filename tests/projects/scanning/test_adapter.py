"""Answers of scanners that can't be read, are too large, or fail for a moment."""

from __future__ import annotations

import json

import pytest

from oci import limits
from projects.models import Image, ImageScan, Scanner
from projects.scanning import adapter, running
from testbed.scripted_http import Reply
from tests.projects.scanning.scans import ask, scan, work
from tests.support.people import Team
from tests.support.services.scanner import REPORT, FakeScanner, found, report

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, [("Content-Type", "text/html")], b"<html>"),
        Reply(200, [("Content-Type", REPORT)], b"{"),
        Reply(200, [("Content-Type", REPORT)], b"{}"),
        Reply(200, [("Content-Type", REPORT)], report(None, vulnerabilities="many")),
        Reply(200, [("Content-Type", REPORT)], report(None, vulnerabilities=["CVE-1"])),
        Reply(200, [("Content-Type", REPORT)], report([found(1, "Catastrophic")])),
        Reply(404, [], b""),
        Reply(307, [("Location", "http://169.254.169.254/")], b""),
    ],
)
def test_a_report_that_cant_be_read_is_a_failure_and_no_clean_image(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner, reply: Reply
) -> None:
    ask(team, row, "/scan", "POST", "developer", 202)
    running.run_due(stop=lambda: False)
    assert len(fake.asked) == 1
    fake.answers = [reply]
    work()
    said = ask(team, row)["vulnerabilities"]
    assert (said["state"], said["scanned_at"]) == ("failed", None)
    assert said["detail"]


def test_a_scanner_that_fails_for_a_moment_is_asked_again_and_not_for_ever(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner
) -> None:
    fake.answers = [Reply(503, [], b""), Reply(500, [], b""), Reply(202, [], b'{"id": "x"}', cut_at=3)]
    assert scan(team, row)["state"] == "done"
    fake.answers = [Reply(500, [], b"") for _ in range(5)]
    assert scan(team, row)["state"] == "failed"
    assert not fake.answers


@pytest.mark.parametrize("ticket", ["\ud800", "a\0b", "é", "two\nlines", "", "x" * 256, None, 5])
def test_an_answer_whose_id_cant_be_kept_is_a_failure_and_others_go_on(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner, ticket: object
) -> None:
    fake.answers = [Reply(202, [], json.dumps({"id": ticket}).encode())]
    said = scan(team, row)
    assert said["state"] == "failed"
    assert "no scan ID" in said["detail"]
    assert not ImageScan.objects.exclude(claimed_until=None).exists()


def test_a_report_beyond_the_bounds_is_not_read_to_its_end(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "REPORT_BYTES", 2000)
    assert scan(team, row)["state"] == "done"
    fake.body = report([found(number, "Low") for number in range(20)])
    assert scan(team, row)["state"] == "failed"
    assert limits.REPORT_BYTES >= 50 * 1024 * 1024
