"""What of the vulnerabilities is listed: one parser for the page and the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.exceptions import FieldErrors
from oci.contents.vulnerabilities import SEVERITIES, Vulnerability
from projects.models import ImageScan
from projects.scanning.filters import Filter
from projects.scanning.selectors import packed
from tests.support.people import DIGEST, Team, call

ROWS = [
    Vulnerability("CVE-1", "openssl", "3.0", "3.1", "critical", ""),
    Vulnerability("CVE-2", "zlib", "1", "", "low", ""),
]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, ["CVE-1", "CVE-2"]),
        ({"search": " OpenSSL "}, ["CVE-1"]),
        ({"search": "cve-2"}, ["CVE-2"]),
        ({"severity": "low"}, ["CVE-2"]),
        ({"severity": "high"}, []),
        ({"fixable": "True"}, ["CVE-1"]),
        ({"fixable": "1"}, ["CVE-1"]),
        ({"fixable": "false"}, ["CVE-1", "CVE-2"]),
    ],
)
def test_what_is_asked_for_is_listed(asked: dict[str, str], ids: list[str]) -> None:
    found = Filter.of(asked)
    assert [each.id for each in found.apply(ROWS)] == ids
    assert bool(found) is any(asked[name] != "false" for name in asked)


@pytest.mark.parametrize("name", SEVERITIES)
def test_each_severity_can_be_asked_for(name: str) -> None:
    assert Filter.of({"severity": name}).severity == name


@pytest.mark.parametrize(
    "asked",
    [{"severity": "Critical"}, {"severity": "critical,high"}, {"severity": "hgih"}, {"fixable": "yes!"}],
)
def test_a_value_that_is_not_known_is_refused_and_not_taken_for_an_empty_list(asked: dict[str, str]) -> None:
    with pytest.raises(FieldErrors) as caught:
        Filter.of(asked)
    assert caught.value.errors.keys() == asked.keys()


@pytest.mark.django_db
def test_the_api_answers_such_a_value_with_400() -> None:
    team = Team.make("filters")
    image = team.image(repository="inside")
    ImageScan.objects.create(
        project=team.project, repository="inside", digest=DIGEST, scanner_name="trivy", state="done", critical=1,
        low=1, scanned_at=timezone.now(), next_at=None, found=packed(ROWS),
    )  # fmt: skip

    def ask(query: str, status: int) -> Any:
        path = f"/projects/{team.project.pk}/images/{image.pk}/vulnerabilities?{query}"
        answer = call("GET", path, headers=team.bearer("viewer"))
        assert answer.status_code == status, answer.content
        return answer.json()

    assert [each["id"] for each in ask("severity=critical&fixable=true", 200)["vulnerabilities"]] == ["CVE-1"]
    assert ask("severity=Critical", 400) == {
        "severity": ["Choose one of these: critical, high, medium, low, negligible, unknown."]
    }
    assert ask("fixable=maybe", 400) == {"fixable": ["Choose one of these: true, false."]}
