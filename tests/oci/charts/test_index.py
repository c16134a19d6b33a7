"""Which versions an index.yaml has of one chart."""

from __future__ import annotations

import datetime as dt

import pytest
import yaml

from oci.charts.index import ChartVersion, read_index

DIGEST = "a" * 64
INDEX = f"""
apiVersion: v1
entries:
  other:
  - {{version: 9.9.9, urls: [other.tgz]}}
  podinfo:
  - apiVersion: v2
    created: "2024-05-01T10:00:00Z"
    dependencies: [{{name: redis, version: 1.x}}]
    digest: {DIGEST}
    name: podinfo
    urls: [https://files.example.com/podinfo-6.5.0+build.1.tgz, second.tgz]
    version: 6.5.0+build.1
  - {{version: 6.4.0, urls: [podinfo-6.4.0.tgz], digest: "sha256:{DIGEST.upper()}"}}
  - {{version: 6.3.0, urls: [podinfo-6.3.0.tgz], digest: 12}}
generated: "2024-05-01T10:00:00Z"
""".encode()


def test_the_versions_of_one_chart_are_found_by_their_tags() -> None:
    assert read_index(INDEX, "podinfo") == {
        "6.5.0_build.1": ChartVersion(
            "6.5.0+build.1",
            "https://files.example.com/podinfo-6.5.0+build.1.tgz",
            f"sha256:{DIGEST}",
            dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC),
        ),
        "6.4.0": ChartVersion("6.4.0", "podinfo-6.4.0.tgz", f"sha256:{DIGEST}"),
        "6.3.0": ChartVersion("6.3.0", "podinfo-6.3.0.tgz", ""),
    }


def test_an_index_in_json_is_read_too() -> None:
    text = b'{"entries": {"podinfo": [{"version": "1.0.0", "urls": ["a.tgz"]}]}}'
    assert list(read_index(text, "podinfo") or ()) == ["1.0.0"]


def test_a_chart_that_is_not_there_is_none_and_one_without_versions_has_none() -> None:
    assert read_index(INDEX, "redis") is None
    assert read_index(b"apiVersion: v1\n", "podinfo") is None
    assert read_index(b"entries: {podinfo: []}", "podinfo") == {}


@pytest.mark.parametrize(
    "entry",
    [
        "{urls: [a.tgz]}",
        "{version: 1.0.0}",
        "{version: 1.0.0, urls: []}",
        "{version: 1.0.0, urls: a.tgz}",
        "{version: 1.0.0, urls: [{}]}",
        "{version: '1.0.0 ', urls: [a.tgz]}",
        "{version: [1], urls: [a.tgz]}",
        f"{{version: {'1' * 200}, urls: [a.tgz]}}",
        f"{{version: 1.0.0, urls: [{'a' * 17_000}]}}",
    ],
)
def test_what_can_not_be_named_or_fetched_is_left_out(entry: str) -> None:
    text = f"entries: {{podinfo: [{entry}, {{version: 2.0.0, urls: [b.tgz]}}]}}".encode()
    assert list(read_index(text, "podinfo") or ()) == ["2.0.0"]


def test_versions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oci.charts.index.CHART_VERSIONS", 2)
    assert list(read_index(INDEX, "podinfo") or ()) == ["6.5.0_build.1", "6.4.0"]


@pytest.mark.parametrize(
    "text",
    [b"[]", b"entries: []", b"entries: {podinfo: {}}", b"entries: {podinfo: [[]]}", b"<html>", b"a: {"],
)
def test_what_is_no_index_is_said_so(text: bytes) -> None:
    with pytest.raises(yaml.YAMLError):
        read_index(text, "podinfo")
