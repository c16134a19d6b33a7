"""Scans that come without a person asking, and those that are forgotten."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from imageimport.models import TagDigest
from projects.models import Image, ImageScan, Scanner, TrashedTag
from projects.scanning import services
from projects.scanning.selectors import severity_of
from testbed.scripted_http import Reply
from tests.projects.scanning.scans import ask, scan, work
from tests.support.people import Team
from tests.support.services.scanner import FakeScanner

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("statuses", [[500] * 5, [401]])
def test_what_is_old_or_failed_by_what_passes_is_scanned_again(
    team: Team,
    row: Image,
    fake: FakeScanner,
    scanner: Scanner,
    monkeypatch: pytest.MonkeyPatch,
    statuses: list[int],
) -> None:
    def ages(**time: float) -> None:
        ImageScan.objects.update(requested_at=timezone.now() - dt.timedelta(**time))

    services.update(scanner=scanner, changes={"scan_on_import": True})
    scan(team, row)
    assert services.queue_again() == 0
    ages(hours=25)
    with monkeypatch.context() as crowded:
        crowded.setattr(services, "_WAITING", 0)
        assert services.queue_again() == 0
    assert services.queue_again() == 1
    fake.answers = [Reply(status, [], b"") for status in statuses]
    work()
    assert ask(team, row)["vulnerabilities"]["state"] == "failed"
    # That the scanner is away says nothing of the image.
    assert severity_of(team.project, "", row.digest) == "critical"
    assert services.queue_again() == 0
    services.update(scanner=scanner, changes={"scan_on_import": False})
    ages(hours=2)
    assert services.queue_again() == 1
    work()
    assert ask(team, row)["vulnerabilities"]["state"] == "done"
    ages(hours=25)
    assert services.queue_again() == 0, "this scanner scans what people ask for"


def test_new_images_are_scanned_by_themselves_where_the_scanner_says_so(
    team: Team, row: Image, fake: FakeScanner, scanner: Scanner
) -> None:
    work(1)
    assert not ImageScan.objects.exists()
    services.update(scanner=scanner, changes={"scan_on_import": True})
    work(1)
    assert not ImageScan.objects.exists(), "what was here before the scanner is scanned by hand"
    Image.objects.update(updated_at=timezone.now())
    work()
    assert ask(team, row)["vulnerabilities"]["state"] == "done"
    assert len(fake.asked) == 1


def test_what_no_tag_names_is_forgotten(team: Team, row: Image, scanner: Scanner) -> None:
    ask(team, row, "/scan", "POST", "developer", 202)
    assert services.forget_unused() == 0
    row.delete()
    ImageScan.objects.update(requested_at=timezone.now() - dt.timedelta(days=2))
    assert services.forget_unused() == 1


def test_what_a_tag_may_go_back_to_is_not_forgotten(team: Team, row: Image, scanner: Scanner) -> None:
    """A rule for severity would refuse it for good: what no tag names can't be scanned."""
    ask(team, row, "/scan", "POST", "developer", 202)
    now = timezone.now()
    ImageScan.objects.update(requested_at=now - dt.timedelta(days=2))
    named = {"project": team.project, "repository": row.repository, "tag": row.tag, "digest": row.digest}
    row.delete()
    trashed = TrashedTag.objects.create(**named, set_at=now, expires_at=now)
    assert services.forget_unused() == 0
    TrashedTag.objects.update(gone_at=now)
    timeline = TagDigest.objects.create(**named)
    assert services.forget_unused() == 0
    timeline.delete()
    assert services.forget_unused() == 1
    assert TrashedTag.objects.get() == trashed
