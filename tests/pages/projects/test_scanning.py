"""The pages of scanners and of what they found."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.models import PolicyRule
from oci.contents.vulnerabilities import Vulnerability
from projects.models import ImageScan, Scanner
from projects.scanning.selectors import packed
from tests.support.people import DIGEST, Team

pytestmark = pytest.mark.django_db
As = Callable[..., Client]
FIELDS = {"name": "trivy", "url": "http://10.0.0.5:8080", "kind": "bearer", "auth": "s3cret", "enabled": "on"}


@pytest.fixture
def address(team: Team) -> str:
    media_type = "application/vnd.oci.image.manifest.v1+json"
    image = team.image(repository="inside", media_type=media_type)
    return f"/projects/{team.project.name}/images/{image.pk}/"


def scanned(team: Team) -> ImageScan:
    rows = [
        Vulnerability("CVE-1", "openssl", "3.0", "3.1", "critical", "https://example.test/CVE-1"),
        Vulnerability("CVE-2", "<zlib>", "1", "", "low", ""),
    ]
    return ImageScan.objects.create(
        project=team.project, repository="inside", digest=DIGEST, scanner_name="trivy", state="done", critical=1,
        low=1, scanned_at=timezone.now(), next_at=None, found=packed(rows),
    )  # fmt: skip


def test_a_developer_has_an_image_scanned_and_the_page_asks_until_it_is_done(
    as_: As, team: Team, address: str
) -> None:
    page = as_("viewer").get(f"{address}vulnerabilities/").content.decode()
    assert "Not scanned" in page
    assert f"{address}scan/" not in page
    client = as_("developer")
    assert f"{address}scan/" in client.get(f"{address}vulnerabilities/").content.decode()
    refused = client.post(f"{address}scan/", follow=True).content.decode()
    assert "No scanner is set up" in refused
    Scanner.objects.create(name="trivy", url="http://10.0.0.5")
    waiting = client.post(f"{address}scan/", follow=True).content.decode()
    assert "every 2s" in waiting and "being scanned" in waiting
    assert as_("viewer").post(f"{address}scan/").status_code == 403


def test_what_was_found_is_listed_filtered_and_marked_in_the_list(as_: As, team: Team, address: str) -> None:
    scanned(team)
    client = as_("viewer")
    page = client.get(f"{address}vulnerabilities/").content.decode()
    assert 'href="https://example.test/CVE-1" rel="noopener noreferrer nofollow"' in page
    assert "&lt;zlib&gt;" in page and "every 2s" not in page
    for query, there in (("severity=low", False), ("search=openssl", True), ("fixable=1", True)):
        found = client.get(f"{address}vulnerabilities/?{query}").content.decode()
        assert ("CVE-1" in found, "CVE-2" in found) == (there, not there)
    # An empty list would read as if nothing had been found.
    for query in ("severity=Critical", "fixable=maybe"):
        page = client.get(f"{address}vulnerabilities/?{query}").content.decode()
        assert "Choose one of these" in page and "No vulnerability matches" not in page
    assert "1 critical, 0 high" in client.get(f"/projects/{team.project.name}/").content.decode()


def test_a_scan_that_failed_says_why(as_: As, team: Team, address: str) -> None:
    scan = scanned(team)
    scan.state, scan.scanned_at = "failed", None
    scan.error = {"template": "The scanner answered with status %(status)d.", "params": {"status": 404}}
    scan.save()
    page = as_("developer").get(f"{address}vulnerabilities/").content.decode()
    assert "The scanner answered with status 404." in page
    assert "Scan again" in page


def test_superusers_name_change_and_delete_scanners(as_: As, team: Team) -> None:
    assert as_("owner").get("/scanners/").status_code == 403
    client = as_("superuser")
    assert "No scanner is set up" in client.get("/scanners/").content.decode()
    assert "Scan new images automatically" in client.get("/scanners/new/").content.decode()
    assert (
        "The scanner trivy was saved." in client.post("/scanners/new/", FIELDS, follow=True).content.decode()
    )
    row = Scanner.objects.get()
    assert (row.auth_value.reveal(), row.scan_on_import) == ("s3cret", False)
    form = client.get(f"/scanners/{row.pk}/edit/").content.decode()
    assert "s3cret" not in form
    client.post(f"/scanners/{row.pk}/edit/", {**FIELDS, "auth": "", "name": "clair"})
    row.refresh_from_db()
    assert (row.name, row.auth_value.reveal()) == ("clair", "s3cret")
    wrong = client.post("/scanners/new/", {**FIELDS, "url": "http://169.254.169.254"})
    assert wrong.status_code == 422
    client.post(f"/scanners/{row.pk}/delete/")
    assert not Scanner.objects.exists()


def test_a_rule_asks_for_a_severity(as_: As, team: Team) -> None:
    fields = {"name": "Clean", "action": "allow", "max_severity": "high", "enabled": "on"}
    client = as_("maintainer")
    client.post(f"/projects/{team.project.name}/rules/new/", fields)
    assert PolicyRule.objects.get().requires == {"max_severity": "high"}
    assert "scanned, worst: High" in client.get(f"/projects/{team.project.name}/rules/").content.decode()


@pytest.mark.parametrize(
    ("page", "heading"),
    [("/scanners/", "扫描器"), ("/scanners/new/", "添加扫描器"), ("vulnerabilities/", "漏洞")],
)
def test_the_pages_are_chinese(as_: As, team: Team, address: str, page: str, heading: str) -> None:
    scanned(team)
    client = as_("superuser")
    client.cookies["django_language"] = "zh-hans"
    text = client.get(page if page.startswith("/") else address + page).content.decode()
    # What the bar says is the same on every page.
    main = text.partition("<main")[2].partition("</main>")[0]
    assert heading in re.findall(r"<h[12][^>]*>([^<]*)</h[12]>", main)
