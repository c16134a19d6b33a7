"""The table of sources as imports read it: environment first, the first rule that says a thing counts."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import OperationalError

from imageimport.models import SourceRule
from imageimport.registries import clients, sources
from imageimport.sources import services
from oci import redaction
from oci.egress.proxies import parse_rules
from oci.errors import OciError
from oci.reference.parser import parse_reference
from oci.urls import Url

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_environment(settings: Any) -> None:
    for name in ("IMPORT_PRIVATE_SOURCES", "IMPORT_INSECURE_SOURCES", "IMPORT_MIRRORS_ONLY", "OWN_ENDPOINTS"):
        setattr(settings, name, [])
    settings.IMPORT_PROXIES, settings.IMPORT_REGISTRY_MIRRORS = (), {}


def make(pattern: str, **values: Any) -> SourceRule:
    return services.create(user=None, pattern=pattern, **values)


def proxy_of(host: str) -> str:
    found = clients.import_door().proxy_for(host, 443, tls=True)
    return found.name if found else "direct"


def test_rules_of_the_environment_come_first(settings: Any) -> None:
    make("*", proxy="http://portal.example:3128")
    assert proxy_of("ghcr.io") == "portal.example:3128"
    settings.IMPORT_PROXIES = parse_rules("ghcr.io=direct;quay.io=socks5://env.example:1080", {})
    assert (proxy_of("ghcr.io"), proxy_of("quay.io"), proxy_of("gcr.io")) == (
        "direct",
        "env.example:1080",
        "portal.example:3128",
    )


def test_the_first_rule_that_names_a_proxy_counts_in_the_order_of_positions() -> None:
    make("*", proxy="http://last.example:3128", position=9)
    make("*.example.com", private=True, position=1)
    make("r.example.com", proxy="direct", position=5)
    assert (proxy_of("r.example.com"), proxy_of("s.example.com")) == ("direct", "last.example:3128")


def test_mirrors_come_with_their_path_and_account_and_docker_hub_has_one_name(settings: Any) -> None:
    mirror = {"url": "https://m.example/docker.io", "username": "robot", "password": "secret-m"}
    make("docker.io", mirrors=[mirror, {"url": "https://other.example"}])
    first, second, last = (
        place.repository for place in clients.source_places(parse_reference("nginx"), user=None)
    )
    assert first.host == "m.example"
    assert first.path == "docker.io/library/nginx"
    assert (first.client.session.sign_in.account, second.client.session.sign_in.account) == ("robot", "")
    assert last.host == "registry-1.docker.io"
    assert len(clients.source_places(parse_reference("ghcr.io/a/b"), user=None)) == 1
    settings.IMPORT_REGISTRY_MIRRORS = {"docker.io": ("https://env.example",)}
    assert [each.url for each in sources.mirrors_of("docker.io")] == ["https://env.example"]


def test_a_registry_that_is_read_by_mirrors_only_is_never_contacted_itself() -> None:
    make("registry-1.docker.io", mirrors=[{"url": "https://m.example"}], mirrors_only=True)
    (only,) = clients.source_places(parse_reference("nginx"), user=None)
    assert only.repository.host == "m.example"


@pytest.mark.parametrize("entry", ["ghcr.io", "ghcr.io:443", "GHCR.IO"])
@pytest.mark.parametrize("image", ["ghcr.io/a/b", "ghcr.io:443/a/b", "ghcr.io:80/a/b", "GHCR.io:0443/a/b"])
def test_a_usual_port_is_no_way_around_mirrors_only(settings: Any, entry: str, image: str) -> None:
    settings.IMPORT_REGISTRY_MIRRORS = {"ghcr.io": ("https://m.example",)}
    settings.IMPORT_MIRRORS_ONLY = [entry]
    (only,) = clients.source_places(parse_reference(image), user=None)
    assert only.repository.host == "m.example"


def test_what_may_be_private_or_insecure_is_so_by_any_rule() -> None:
    source = parse_reference("registry.inside.example:5000/a/b")
    with pytest.raises(OciError):
        clients.check_literal_source(parse_reference("10.1.2.3:5000/a/b"))
    make("10.0.0.0/8", private=True, insecure=True)
    make("*.inside.example", private=True, insecure=True)
    clients.check_literal_source(parse_reference("10.1.2.3:5000/a/b"))
    door = clients.import_door()
    assert door.scheme_for("10.1.2.3", 5000) == "http"
    assert door.scheme_for("registry.inside.example", 5000) == "http"
    assert door.scheme_for("inside.example", 5000) == "https"
    clients.check_literal_source(source)


def test_a_change_is_obeyed_by_a_process_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = make("ghcr.io", proxy="http://one.example:3128")
    assert proxy_of("ghcr.io") == "one.example:3128"
    # By another process, which can't tell this one.
    SourceRule.objects.filter(pk=rule.pk).update(proxy="http://two.example:3128")
    assert proxy_of("ghcr.io") == "one.example:3128"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 5)
    assert proxy_of("ghcr.io") == "two.example:3128"


def test_an_attempt_keeps_the_rules_that_it_began_with() -> None:
    rule = make("ghcr.io", proxy="http://one.example:3128")
    (place,) = clients.source_places(parse_reference("ghcr.io/a/b"), user=None)
    services.delete(rule=rule)
    kept = place.repository.client._transport.proxy_for(Url("https", "ghcr.io", 443))
    assert kept is not None and kept.name == "one.example:3128"
    assert proxy_of("ghcr.io") == "direct"


def test_with_the_database_away_the_last_rules_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    make("ghcr.io", proxy="http://one.example:3128")
    assert proxy_of("ghcr.io") == "one.example:3128"

    def away(*_: Any) -> Any:
        raise OperationalError("gone")

    sources.forget()
    monkeypatch.setattr(SourceRule.objects, "prefetch_related", away)
    assert proxy_of("ghcr.io") == "one.example:3128"


def test_passwords_of_the_table_are_masked_in_every_text(settings: Any) -> None:
    settings.IMPORT_PROXIES = parse_rules("a.example=http://u:cANARY-env@p.example:3128", {})
    make("b.example", proxy="http://u:cANARY-proxy@p.example:3128")
    make("c.example", mirrors=[{"url": "https://m.example", "username": "r", "password": "cANARY-mirror"}])
    sources.portal_rules()
    with redaction.scope():
        assert "cANARY" not in redaction.scrub("cANARY-env cANARY-proxy cANARY-mirror")


def test_the_environments_rules_are_shown_a_pattern_each_without_passwords(settings: Any) -> None:
    settings.IMPORT_PROXIES = parse_rules(
        "*.io=http://u:secret-9@p.example:3128;*=environment", {"https_proxy": ""}
    )
    settings.IMPORT_REGISTRY_MIRRORS = {"ghcr.io": ("https://m.example/ghcr.io",)}
    settings.IMPORT_MIRRORS_ONLY = ["ghcr.io"]
    settings.IMPORT_PRIVATE_SOURCES = ["10.0.0.0/8", "inside.example:5000"]
    settings.IMPORT_INSECURE_SOURCES = ["inside.example:5000"]
    make("quay.io", proxy="direct")
    rows = sources.all_rules()
    assert [(each.pattern.text, each.proxy, each.origin) for each in rows] == [
        ("*.io", "http://u@p.example:3128", "environment"),
        ("*", "environment", "environment"),
        ("ghcr.io", "", "environment"),
        ("10.0.0.0/8", "", "environment"),
        ("inside.example:5000", "", "environment"),
        ("quay.io", "direct", "portal"),
    ]
    assert (rows[2].mirrors[0].url, rows[2].mirrors_only) == ("https://m.example/ghcr.io", True)
    assert (rows[4].private, rows[4].insecure) == (True, True)
    assert "secret-9" not in repr(rows)
    assert [each.id for each in sources.all_rules()] == [each.id for each in rows]
