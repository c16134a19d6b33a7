"""The table of sources as imports read it: environment first, the first rule that says a thing counts."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import OperationalError

from imageimport.models import SourceRule
from imageimport.registries import sources
from oci import redaction
from oci.egress.proxies import parse_rules
from tests.imageimport.registries.rules import make, no_environment, proxy_of

__all__ = ["no_environment"]
pytestmark = pytest.mark.django_db


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


def test_a_change_is_obeyed_by_a_process_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = make("ghcr.io", proxy="http://one.example:3128")
    assert proxy_of("ghcr.io") == "one.example:3128"
    # By another process, which can't tell this one.
    SourceRule.objects.filter(pk=rule.pk).update(proxy="http://two.example:3128")
    assert proxy_of("ghcr.io") == "one.example:3128"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 5)
    assert proxy_of("ghcr.io") == "two.example:3128"


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
