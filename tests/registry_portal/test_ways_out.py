"""Proxies, bandwidth and hours as the operator writes them, in the variable or in the file that it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from registry_portal import ways_out

SECRET = "s3cret-of-the-proxy"


def test_rules_are_read_from_the_variable_or_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMPORT_PROXIES", f"ghcr.io=http://u:{SECRET}@p.example:3128;*=direct")
    found = ways_out.proxies("IMPORT_PROXIES")
    assert [rule.pattern.text for rule in found] == ["ghcr.io", "*"]
    assert SECRET not in repr(found)
    path = tmp_path / "proxies"
    path.write_text("*=socks5h://p.example:1080\n")
    monkeypatch.setenv("IMPORT_PROXIES_FILE", str(path))
    assert [rule.pattern.text for rule in ways_out.proxies("IMPORT_PROXIES")] == ["*"]


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("", []),
        ("http://u:a=b@p.example:3128", ["*"]),
        ("environment", ["*"]),
        ("hooks.example=socks5://p.example:1080;*=direct", ["hooks.example", "*"]),
    ],
)
def test_one_proxy_is_for_all_hosts(monkeypatch: pytest.MonkeyPatch, text: str, patterns: list[str]) -> None:
    monkeypatch.setenv("WEBHOOK_PROXY", text)
    assert [rule.pattern.text for rule in ways_out.one_proxy("WEBHOOK_PROXY")] == patterns


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (ways_out.proxies, f"ghcr.io=https://u:{SECRET}@p.example:3128"),
        (ways_out.proxies, f"http://u:{SECRET}@p.example:3128"),
        (ways_out.one_proxy, f"http://u:{SECRET}@p.example"),
        (ways_out.amount, "fast"),
        (ways_out.amount, "0"),
        (lambda name: ways_out.hours(name, "UTC"), "at night"),
        (lambda name: ways_out.hours(name, "UTC"), "22:00-06:00 Mars/Olympus"),
    ],
)
def test_what_can_not_be_read_is_refused_by_its_name_and_without_its_password(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[str], Any], text: str
) -> None:
    monkeypatch.setenv("SOME_SETTING", text)
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING") as refused:
        read("SOME_SETTING")
    assert SECRET not in str(refused.value)


def test_amounts_and_hours_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPORT_BANDWIDTH", "20MB")
    monkeypatch.setenv("IMPORT_WINDOW", "22:00-06:00 Asia/Shanghai")
    assert ways_out.amount("IMPORT_BANDWIDTH") == 20_000_000
    assert ways_out.hours("IMPORT_WINDOW", "UTC") == "22:00-06:00 Asia/Shanghai"
    monkeypatch.setenv("IMPORT_BANDWIDTH", "")
    assert ways_out.amount("IMPORT_BANDWIDTH") is None
