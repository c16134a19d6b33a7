"""A scanner that keeps to goharbor/pluggable-scanner-spec 1.1 (``api/spec/scanner-adapter-openapi-v1.1.yaml``), and
breaks it where a test says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from testbed.scripted_http import Reply, Request, ScriptedServer

REQUEST = "application/vnd.scanner.adapter.scan.request+json; version=1.0"
RESPONSE = "application/vnd.scanner.adapter.scan.response+json; version=1.0"
REPORT = "application/vnd.security.vulnerability.report; version=1.1"
ERROR = "application/vnd.scanner.adapter.error; version=1.0"


def found(number: int, severity: str, **facts: Any) -> dict[str, Any]:
    """One ``VulnerabilityItem``."""
    return {
        "id": f"CVE-2026-{number:04}",
        "package": "openssl",
        "version": "3.0.1",
        "fix_version": "3.0.2",
        "severity": severity,
        "description": "Something is wrong.",
        "links": [f"https://example.test/CVE-2026-{number:04}"],
        **facts,
    }


def report(items: Sequence[Mapping[str, Any]] | None, **more: Any) -> bytes:
    """A ``HarborVulnerabilityReport``."""
    return json.dumps(
        {
            "generated_at": "2026-11-27T12:00:00Z",
            "artifact": {"repository": "x", "digest": "sha256:0"},
            "scanner": {"name": "Fake", "vendor": "Tests", "version": "1"},
            "severity": "High",
            "vulnerabilities": items,
            **more,
        }
    ).encode()


class FakeScanner(ScriptedServer):
    """Takes scans and answers reports; what it was asked is in ``asked``.

    ``waits``: how often a report is not ready yet. ``answers``: what is sent in place of the next replies.
    """

    def __init__(self) -> None:
        super().__init__(self._answered)
        self.asked: list[dict[str, Any]] = []
        self.waits = 0
        self.refresh_after = "0"
        self.answers: list[Reply] = []
        #: By digest of the artifact; else these.
        self.reports: dict[str, bytes] = {}
        self.body = report([found(1, "Critical"), found(2, "High"), found(3, "High"), found(4, "Low")])

    def _answered(self, request: Request) -> Reply:
        if self.answers:
            return self.answers.pop(0)
        parts = request.path.strip("/").split("/")
        if (request.method, parts) == ("POST", ["api", "v1", "scan"]):
            if request.headers.get("content-type") != REQUEST:
                return self._error(422, "wrong type")
            asked = json.loads(request.body)
            if not {"repository", "digest"} <= set(asked["artifact"]) or "url" not in asked["registry"]:
                return self._error(422, "incomplete")
            self.asked.append(asked)
            body = json.dumps({"id": f"scan/{len(self.asked)}"}).encode()
            return Reply(202, [("Content-Type", RESPONSE)], body)
        if request.method == "GET" and parts[:3] == ["api", "v1", "scan"] and parts[-1] == "report":
            if not request.headers.get("accept", "").startswith(REPORT.partition(";")[0]):
                return self._error(422, "wrong type")
            if self.waits:
                self.waits -= 1
                return Reply(302, [("Refresh-After", self.refresh_after), ("Location", request.path)])
            digest = self.asked[int(parts[3].rpartition("%2F")[2]) - 1]["artifact"]["digest"]
            return Reply(200, [("Content-Type", REPORT)], self.reports.get(digest, self.body))
        return self._error(404, "not found")

    def _error(self, status: int, message: str) -> Reply:
        return Reply(status, [("Content-Type", ERROR)], json.dumps({"error": {"message": message}}).encode())
