"""``/sources``: for superusers, those of the environment first and fixed, and what a test says."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import SourceRule
from imageimport.sources import services
from oci.egress.proxies import parse_rules
from tests.support.people import CALLERS, Team, call

pytestmark = pytest.mark.django_db
KEYS = {
    *(
        "id",
        "position",
        "pattern",
        "proxy",
        "mirrors",
        "mirrors_only",
        "private",
        "insecure",
        "origin",
        "ways",
    )
}


@pytest.fixture
def headers() -> dict[str, str]:
    return Team.make().bearer("superuser")


@pytest.mark.parametrize("caller", CALLERS)
def test_sources_are_for_superusers(caller: str, settings: Any) -> None:
    settings.IMPORT_PRIVATE_SOURCES, settings.IMPORT_INSECURE_SOURCES = [], []
    team = Team.make()
    rule = services.create(user=None, pattern="ghcr.io")
    calls = [
        ("GET", "/sources", None, 200),
        ("POST", "/sources", {"pattern": "quay.io"}, 201),
        ("GET", f"/sources/{rule.pk}", None, 200),
        ("PATCH", f"/sources/{rule.pk}", {"proxy": "direct"}, 200),
        ("POST", f"/sources/{rule.pk}/test", {"image_url": "https://"}, 400),
        ("DELETE", f"/sources/{rule.pk}", None, 204),
    ]
    for method, path, body, good in calls:
        answer = call(method, path, body, team.bearer(caller))
        expected = 401 if caller == "anonymous" else good if caller == "superuser" else 403
        assert answer.status_code == expected, (method, answer.content)


def test_a_token_that_may_only_read_changes_nothing() -> None:
    headers = Team.make().bearer("superuser", scope="read")
    assert call("GET", "/sources", None, headers).status_code == 200
    assert call("POST", "/sources", {"pattern": "quay.io"}, headers).status_code == 403


def test_a_rule_goes_in_with_passwords_and_comes_out_without(headers: dict[str, str]) -> None:
    body = {
        "pattern": "docker.io",
        "proxy": "http://user@proxy.example:3128",
        "proxy_password": "secret-p",
        "mirrors": [{"url": "https://m.example/docker.io", "username": "robot", "password": "secret-m"}],
        "mirrors_only": True,
    }
    made = call("POST", "/sources", body, headers)
    assert made.status_code == 201, made.content
    rule = made.json()
    assert rule.keys() == KEYS
    assert rule["proxy"] == "http://user@proxy.example:3128"
    assert rule["mirrors"] == [{"url": "https://m.example/docker.io", "username": "robot"}]
    assert (rule["mirrors_only"], rule["private"], rule["origin"]) == (True, False, "portal")
    assert b"secret-" not in made.content + call("GET", "/sources", None, headers).content
    changed = call("PATCH", f"/sources/{rule['id']}", {"position": 7}, headers).json()
    assert changed["position"] == 7
    row = SourceRule.objects.get()
    assert (row.proxy_password.reveal(), row.mirrors.get().password.reveal()) == ("secret-p", "secret-m")


def test_rules_of_the_environment_come_first_and_are_read_only(
    headers: dict[str, str], settings: Any
) -> None:
    settings.IMPORT_PRIVATE_SOURCES, settings.IMPORT_INSECURE_SOURCES = [], []
    settings.IMPORT_PROXIES = parse_rules("*.io=http://u:secret-9@p.example:3128", {})
    services.create(user=None, pattern="ghcr.io")
    answer = call("GET", "/sources", None, headers)
    first, second = answer.json()["results"]
    assert (first["pattern"], first["proxy"], first["origin"]) == (
        "*.io",
        "http://u@p.example:3128",
        "environment",
    )
    assert (second["pattern"], second["origin"]) == ("ghcr.io", "portal")
    assert b"secret-9" not in answer.content
    for method, body in (("PATCH", {"proxy": "direct"}), ("DELETE", None)):
        refused = call(method, f"/sources/{first['id']}", body, headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "read_only")
    assert call("GET", f"/sources/{first['id']}", None, headers).json() == first


def test_rules_come_in_pages(headers: dict[str, str], settings: Any) -> None:
    settings.IMPORT_PRIVATE_SOURCES, settings.IMPORT_INSECURE_SOURCES = [], []
    for number in range(5):
        services.create(user=None, pattern=f"r{number}.example")
    first = call("GET", "/sources?page_size=2", None, headers).json()
    assert first["previous"] is None
    second = call("GET", first["next"].partition("/api/v1")[2], None, headers).json()
    assert [each["pattern"] for each in second["results"]] == ["r2.example", "r3.example"]
    assert call("GET", second["previous"].partition("/api/v1")[2], None, headers).json() == first
    for cursor in ("x", "-1", "²", "9999999"):
        assert call("GET", f"/sources?cursor={cursor}", None, headers).status_code == 404
