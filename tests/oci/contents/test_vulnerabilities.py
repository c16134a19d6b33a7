"""Reports of scanners: what is counted, and what is no report."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from oci.contents import vulnerabilities
from oci.contents.vulnerabilities import Findings, Vulnerability, exceeds, read_report, worst
from oci.errors import OciError


def item(number: int, severity: str = "High", **facts: Any) -> dict[str, Any]:
    return {"id": f"CVE-{number}", "package": "a", "version": "1", "severity": severity, **facts}


def read(content: bytes, platform: str = "") -> Findings:
    found = Findings()
    for each in read_report([content], platform):
        found.add(each)
    return found


def test_each_vulnerability_of_a_package_counts_once_with_its_worst_severity() -> None:
    body = {"vulnerabilities": [item(1, "Low"), item(1, "Critical"), item(2, "Unknown"), item(3, "None")]}
    found = read(json.dumps(body).encode())
    assert found.counts() == {
        "unknown": 1, "negligible": 1, "low": 0, "medium": 0, "high": 0, "critical": 1,
    }  # fmt: skip
    assert [each.id for each in found.rows()] == ["CVE-1", "CVE-3", "CVE-2"]
    assert worst(found.counts()) == "critical"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"vulnerabilities": 5}',
        b'{"vulnerabilities": {}}',
        b'{"vulnerabilities": [',
        b'{"other": {"vulnerabilities": []}}',
        b'{"vulnerabilities": ["CVE-1"]}',
        b'{"vulnerabilities": [["CVE-1"]]}',
        b'{"vulnerabilities": [1]}',
        b'{"vulnerabilities": [null]}',
        json.dumps({"vulnerabilities": [item(1), "CVE-2"]}).encode(),
        json.dumps({"vulnerabilities": [item(1, "")]}).encode(),
        json.dumps({"vulnerabilities": [{"severity": "Low"}]}).encode(),
    ],
)
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(OciError):
        read(content)


def test_a_list_that_is_null_is_an_empty_one() -> None:
    assert not any(read(b'{"vulnerabilities": null}').counts().values())


def test_texts_that_no_answer_holds_are_replaced_and_links_are_those_of_the_web() -> None:
    facts: dict[str, Any] = {"id": "a\ud800", "package": "p\0", "links": ["javascript:alert(1)"]}
    (found,) = read(json.dumps({"vulnerabilities": [item(1, **facts)]}).encode()).rows()
    assert (found.id, found.package, found.link) == ("a?", "p\ufffd", "")


def test_more_than_a_table_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulnerabilities, "REPORT_VULNERABILITIES", 2)
    found = Findings(Vulnerability(str(n), "", "", "", "low", "") for n in range(2))
    with pytest.raises(OciError) as caught:
        found.add(Vulnerability("3", "", "", "", "low", ""))
    assert caught.value.code == "limit_exceeded"


def test_few_rows_of_wide_texts_take_no_more_memory_than_many_ordinary_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One character beyond the usual makes each of a text take four bytes."""
    monkeypatch.setattr(vulnerabilities, "REPORT_COST", 100_000)
    ordinary = [item(number, link="") for number in range(200)]
    assert len(read(json.dumps({"vulnerabilities": ordinary}).encode()).rows()) == 200
    wide = [item(number, package="\U0001f600" + "x" * 500, version=str(number)) for number in range(200)]
    with pytest.raises(OciError) as caught:
        read(json.dumps({"vulnerabilities": wide}).encode())
    assert caught.value.code == "limit_exceeded"


def test_platforms_count_for_the_memory_of_what_was_found_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulnerabilities, "REPORT_COST", 2000)
    found = Findings()
    with pytest.raises(OciError) as caught:
        for number in range(1000):
            found.add(Vulnerability("CVE-1", "a", "1", "", "low", "", (f"linux/{number}",)))
    assert caught.value.code == "limit_exceeded"


def test_a_long_report_is_read_in_little_memory() -> None:
    """Long for what is written in it; a list as long as this is held in some megabytes."""
    one = json.dumps(item(0, description="x" * 10_000))

    def chunks() -> Iterator[bytes]:
        yield b'{"vulnerabilities": ['
        for number in range(1000):
            yield one.replace("CVE-0", f"CVE-{number}").encode() + b","
        yield one.encode() + b"]}"

    tracemalloc.start()
    try:
        assert sum(1 for _ in read_report(chunks(), "")) == 1001
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_severities_have_an_order_in_which_unknown_comes_first() -> None:
    assert exceeds("critical", "high")
    assert not exceeds("high", "high")
    assert not exceeds("unknown", "negligible")
