"""Scans from the button to the counts, with a real registry and a scanner made from its specification."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from pathlib import Path
from typing import Any

import jwt
import pytest
from django.utils import timezone

from oci.errors import OciError
from projects.models import AuditEvent, Image, ImageScan, Scanner
from projects.scanning import adapter, running
from registry_portal.secrets_store import token_service_pair
from stack.sample import OCI_MANIFEST
from testbed.scripted_http import Reply
from testbed.services import RegistryServer
from tests.projects.scanning.scans import ask, scan, work
from tests.support.content.inside import row_of, simple
from tests.support.people import DIGEST, Team, call
from tests.support.services.scanner import FakeScanner, found, report

pytestmark = pytest.mark.django_db


def test_an_image_is_scanned_counted_and_its_vulnerabilities_listed(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner
) -> None:
    assert ask(team, row)["vulnerabilities"]["state"] == "none"
    fake.waits = 2
    assert ask(team, row, "/scan", "POST", "developer", 202)["state"] == "queued"
    work()
    said = ask(team, row)["vulnerabilities"]
    assert {name: said[name] for name in ("state", "scanner", "critical", "high", "medium", "low")} == {
        "state": "done", "scanner": "fake", "critical": 1, "high": 2, "medium": 0, "low": 1,
    }  # fmt: skip
    listed = call("GET", f"/projects/{team.project.pk}/images", headers=team.bearer("viewer")).json()
    assert listed["results"][0]["vulnerabilities"] == said
    told = ask(team, row, "/vulnerabilities?page_size=2")
    assert [each["severity"] for each in told["vulnerabilities"]] == ["critical", "high"]
    assert told["next"]
    assert told["vulnerabilities"][0] == {
        "id": "CVE-2026-0001", "package": "openssl", "version": "3.0.1", "fixed_in": "3.0.2",
        "severity": "critical", "link": "https://example.test/CVE-2026-0001", "platforms": [],
    }  # fmt: skip
    assert [each["id"] for each in ask(team, row, "/vulnerabilities?severity=low")["vulnerabilities"]] == [
        "CVE-2026-0004"
    ]
    assert len(ask(team, row, "/vulnerabilities?search=0002")["vulnerabilities"]) == 1
    (asked,) = fake.asked
    assert asked["artifact"]["repository"] == "scans/app"
    assert asked["artifact"]["digest"] == row.digest
    assert {each.headers["x-scanneradapter-api-key"] for each in fake.requests} == {"s3cret-key"}
    assert AuditEvent.objects.filter(action="scan.requested", project=team.project).count() == 1


def test_the_scanner_is_given_a_token_that_pulls_the_one_repository_and_ends_within_the_hour(
    settings: Any, tmp_path: Path
) -> None:
    settings.REGISTRY_AUTH = "token"
    settings.TOKEN_SERVICE_KEY, settings.TOKEN_SERVICE_CERTIFICATE = token_service_pair(tmp_path)
    authorization = running._authorization("scans/app")["authorization"]
    claims = jwt.decode(authorization.removeprefix("Bearer "), options={"verify_signature": False})
    assert claims["access"] == [{"type": "repository", "name": "scans/app", "actions": ["pull"]}]
    assert 0 < claims["exp"] - claims["iat"] <= 3600
    settings.REGISTRY_AUTH = "none"
    assert running._authorization("scans/app") == {}
    settings.REGISTRY_AUTH = "basic"
    with pytest.raises(OciError):
        running._authorization("scans/app")


@pytest.mark.parametrize(
    ("inside", "public", "told"),
    [
        ("http://registry:5000", "registry.example.com", "https://registry.example.com"),
        ("http://127.0.0.1:5001", "127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_the_scanner_is_sent_where_clients_pull_and_a_token_goes_nowhere_in_clear(
    team: Team, settings: Any, scanner: Scanner, inside: str, public: str, told: str
) -> None:
    """The portal speaks plain HTTP to a registry beside it, whose public name has a certificate."""
    settings.REGISTRY_URL, settings.REGISTRY_PUBLIC_HOST = inside, public
    waiting = ImageScan(project=team.project, repository="app", digest=DIGEST, scanner=scanner)
    asked = running._request(waiting, {"digest": DIGEST, "media_type": OCI_MANIFEST, "platform": ""})
    assert asked["registry"]["url"] == told


def test_a_report_without_findings_is_a_clean_image(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner
) -> None:
    for body in (report([]), report(None)):
        fake.body = body
        said = scan(team, row)
        assert (said["state"], said["critical"]) == ("done", 0)


def test_what_no_one_foresaw_counts_as_a_try_and_is_not_tried_for_ever(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a value that the database refuses: it is noticed when the row is written."""
    monkeypatch.setattr(adapter, "_is_ticket", lambda _text: True)
    fake.answers = [Reply(202, [], b'{"id": "\\ud800"}') for _ in range(20)]
    said = scan(team, row)
    assert said["state"] == "failed"
    assert "Incident ID" in said["detail"]
    assert len(fake.answers) == 15
    made = ImageScan.objects.get()
    assert made.error is not None
    assert made.error["passing"] is False
    assert not ImageScan.objects.exclude(claimed_until=None).exists()


def test_a_scan_whose_workers_die_is_not_tried_for_ever(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner
) -> None:
    ask(team, row, "/scan", "POST", "developer", 202)
    for _ in range(5):
        assert running._claim() is not None
        ImageScan.objects.update(claimed_until=None)
    work(1)
    said = ask(team, row)["vulnerabilities"]
    assert said["state"] == "failed"
    assert "interrupted" in said["detail"]


def test_a_report_that_is_never_ready_ends_the_scan(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner
) -> None:
    fake.waits, fake.refresh_after = 1000, "999999999"
    ask(team, row, "/scan", "POST", "developer", 202)
    work(3)
    waiting = ImageScan.objects.get()
    assert waiting.next_at is not None
    assert waiting.next_at - timezone.now() <= dt.timedelta(seconds=300)
    ImageScan.objects.update(requested_at=timezone.now() - dt.timedelta(minutes=51))
    work(1)
    said = ask(team, row)["vulnerabilities"]
    assert said["state"] == "failed"
    assert "50 minutes" in said["detail"]


def test_a_report_of_fifty_megabytes_is_counted_right_in_bounded_memory(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner
) -> None:
    severities = ("Critical", "High", "Medium", "Low")
    fake.body = report(
        [found(number, severities[number % 4], description="x" * 12_500) for number in range(4000)]
    )
    assert len(fake.body) > 50_000_000
    tracemalloc.start()
    try:
        said = scan(team, row)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [said[name.lower()] for name in severities] == [1000] * 4
    assert peak < 16 * 1024 * 1024


def test_what_a_scanner_has_no_room_for_waits_here(
    team: Team,
    registry: RegistryServer,
    fake: FakeScanner,
    scanner: Scanner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "MAX_RUNNING", 2)
    fake.waits = 1000
    for tag in ("1", "2", "3", "4"):
        image = simple(f"one of many: {tag}")
        registry.push("scans/many", tag, image)
        ask(team, row_of(team.project, "many", tag, image), "/scan", "POST", "developer", 202)
    work()
    states = ImageScan.objects.order_by("state").values_list("state", flat=True)
    assert list(states) == ["queued", "queued", "running", "running"]
    assert len(fake.asked) == 2
    fake.waits = 0
    work()
    assert list(states.all()) == ["done"] * 4


def test_who_has_one_image_to_scan_waits_for_no_more_than_one_of_somebody_elses_many(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MAX_RUNNING", 2)
    other = Team.make("many").project
    queued = {"scanner": scanner, "state": ImageScan.State.QUEUED}
    long_ago = timezone.now() - dt.timedelta(hours=1)
    theirs = [
        ImageScan.objects.create(project=other, digest=f"sha256:{number:064}", next_at=long_ago, **queued)
        for number in range(6)
    ]
    ImageScan.objects.filter(pk__in=[each.pk for each in theirs[:2]]).update(
        state=ImageScan.State.RUNNING, next_at=timezone.now() + dt.timedelta(hours=1)
    )
    ours = ImageScan.objects.create(project=team.project, digest=row.digest, next_at=timezone.now(), **queued)
    assert running._claim() is None, "the scanner has as much as it is given"
    ImageScan.objects.filter(pk=theirs[0].pk).update(state=ImageScan.State.DONE, next_at=None)
    assert running._claim() == ours


def test_two_workers_make_each_step_once(team: Team, row: Image, fake: FakeScanner, scanner: Scanner) -> None:
    ask(team, row, "/scan", "POST", "developer", 202)
    first = running._claim()
    assert first is not None
    assert running._claim() is None
    ImageScan.objects.update(claimed_until=timezone.now() - dt.timedelta(seconds=1))
    second = running._claim()
    assert second is not None
    running._step(first)
    assert ImageScan.objects.get().state == ImageScan.State.QUEUED
    running._step(second)
    assert ImageScan.objects.get().state == ImageScan.State.RUNNING
