"""``/sources``: for superusers, those of the environment first and fixed, and what a test says."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import SourceRule, SourceWay
from imageimport.registries import ways
from imageimport.sources import services
from oci.egress.proxies import parse_rules
from oci.errors import OciError
from stack.sample import sample_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_proxy import Fault, ScriptedProxy
from testbed.scripted_registry import ScriptedRegistry
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


def test_a_test_says_by_which_way_the_image_was_reached(
    headers: dict[str, str], source: ScriptedRegistry
) -> None:
    digest = source.add_image("ns/app", "1", sample_image())
    with ScriptedProxy(account=("user", "secret-p")) as proxy:
        rule = services.create(
            user=None, pattern="127.0.0.1", proxy=proxy.url("socks5", "user"), proxy_password="secret-p"
        )
        body = {"image_url": f"{source.server_name}/ns/app:1"}
        answer = call("POST", f"/sources/{rule.pk}/test", body, headers)
        said = answer.json()
        assert said.keys() == {"reached", "via", "seconds", "digest", "code", "detail"}
        assert (said["reached"], said["via"], said["digest"], said["code"]) == (True, proxy.name, digest, "")
        assert 0 < said["seconds"] < 25
        proxy.fault = Fault(reply=2)
        said = call("POST", f"/sources/{rule.pk}/test", body, headers).json()
        assert (said["reached"], said["via"], said["code"]) == (False, proxy.name, "proxy_error")
        assert proxy.name in said["detail"]
        assert "secret-p" not in str(said)
    (way,) = SourceWay.objects.all()
    assert (way.registry, way.via, way.error_code) == (source.server_name, proxy.name, "proxy_error")
    (seen,) = call("GET", f"/sources/{rule.pk}", None, headers).json()["ways"]
    assert (seen["via"], seen["error_code"], seen["speed"]) == (proxy.name, "proxy_error", None)
    assert proxy.name in seen["error"]


def test_a_test_names_the_mirror_that_failed_and_the_place_that_answered(
    headers: dict[str, str], source: ScriptedRegistry
) -> None:
    digest = source.add_image("ns/app", "1", sample_image())
    with ScriptedRegistry() as mirror:
        mirror.sign_in = BasicSignIn({"robot": "right"})
        rule = services.create(
            user=None,
            pattern=source.server_name,
            mirrors=[{"url": mirror.url, "username": "robot", "password": "secret-m"}],
        )
        body = {"image_url": f"{source.server_name}/ns/app:1"}
        said = call("POST", f"/sources/{rule.pk}/test", body, headers).json()
    assert (said["reached"], said["via"], said["digest"], said["code"]) == (True, "", digest, "unauthorized")
    assert mirror.server_name in said["detail"]
    assert "secret-m" not in str(said)


def test_what_is_not_there_was_reached_all_the_same(
    headers: dict[str, str], source: ScriptedRegistry
) -> None:
    rule = services.create(user=None, pattern="quay.io")
    said = call(
        "POST", f"/sources/{rule.pk}/test", {"image_url": f"{source.server_name}/no/such:1"}, headers
    ).json()
    assert (said["reached"], said["digest"], said["code"]) == (True, "", "not_found")


def test_speed_is_told_of_ways_that_moved_enough(headers: dict[str, str], settings: Any) -> None:
    settings.IMPORT_PRIVATE_SOURCES, settings.IMPORT_INSECURE_SOURCES = [], []
    services.create(user=None, pattern="ghcr.io", proxy="http://p.example:3128")
    ways.note_speed("ghcr.io", "p.example:3128", moved=10_000_000, seconds=4)
    ways.note_speed("ghcr.io", "p.example:3128", moved=10, seconds=1)
    ways.note_error("ghcr.io", "p.example:3128", OciError("not_found", "x"))
    (rule,) = call("GET", "/sources", None, headers).json()["results"]
    (way,) = rule["ways"]
    assert (way["speed"], way["error_code"], way["error"]) == (2_500_000, "", "")


@pytest.mark.parametrize(
    "code", ["refused_by_rule", "approval_outdated", "signature_missing", "signature_invalid"]
)
def test_what_a_rule_refuses_is_no_fault_of_a_way(code: str) -> None:
    ways.note_error("ghcr.io", "", OciError(code, "x"))
    assert not SourceWay.objects.exists()
