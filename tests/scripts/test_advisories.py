"""Advisories fail the check where they are known, and only there."""

from __future__ import annotations

import json

import pytest

from scripts import advisories
from stack.services.ports import free_port
from testbed.scripted_http import Reply, Request, ScriptedServer


def osv(request: Request) -> Reply:
    """Knows one vulnerable package."""
    assert (request.method, request.path) == ("POST", "/v1/querybatch")
    asked = json.loads(request.body)["queries"]
    results = [
        {"vulns": [{"id": "PYSEC-1"}]} if query["package"]["name"] == "celery" else {} for query in asked
    ]
    return Reply(200, [("Content-Type", "application/json")], json.dumps({"results": results}).encode())


def test_a_known_vulnerability_fails_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(osv) as server:
        monkeypatch.setenv("ADVISORIES_URL", server.url)
        assert advisories.main() == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("celery ")
    assert line.endswith(": PYSEC-1")


@pytest.mark.parametrize(
    "answer", [Reply(503), Reply(200, body=b"<html>"), Reply(200, body=b'{"results": []}')]
)
def test_where_nobody_knows_that_is_said_and_fails_where_it_must_not_pass(
    answer: Reply, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(lambda _request: answer) as server:
        monkeypatch.setenv("ADVISORIES_URL", server.url)
        assert advisories.main() == 0
        assert advisories.main(["--strict"]) == 2
    assert capsys.readouterr().err.startswith("note: NOT CHECKED: known vulnerabilities of ")


def test_where_nobody_answers_that_is_said_and_fails_where_it_must_not_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADVISORIES_URL", f"http://127.0.0.1:{free_port()}")
    assert advisories.main() == 0
    assert advisories.main(["--strict"]) == 2
    assert capsys.readouterr().err.startswith("note: NOT CHECKED: ")


def test_every_locked_package_is_asked_about() -> None:
    found = dict(
        advisories.locked("celery==5.7.0 \\\n    --hash=x\n# via\nfoo-bar==1.0 ; python_version < '4'\n")
    )
    assert found == {"celery": "5.7.0", "foo-bar": "1.0"}
