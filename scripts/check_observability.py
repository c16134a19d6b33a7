"""``python -m scripts.check_observability``: error reports and traces with their real packages, into a collector here.

Installs ``requirements-observability.lock`` into a temporary directory, answers a request, lets an import fail with a
secret in its fault, and looks at all that arrived: the report and both spans are there, the secret is not.
"""

from __future__ import annotations

import gzip
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import brotli  # type: ignore[import-untyped]

from stack.paths import BIN, ROOT

#: Runs with the packages: a request, a failing attempt, a flush.
_INSIDE = """
import os
from django.core.management import call_command
from registry_portal.wsgi import application
from registry_portal.observability import exporters
from django.test import Client
from oci.redaction import remember

secret = os.environ["PLANTED"]
call_command("migrate", verbosity=0)
Client(headers={"authorization": "Bearer " + secret}).get("/accounts/login/?next=/%3Ftoken%3D" + secret)

from imageimport.worker import attempt, leases
from imageimport.models import ImportTask
from projects.models import Project

project = Project.objects.create(name="check")
task = ImportTask.objects.create(project=project, image_url="x", target_name="x", source_image="ghcr.io/x/x:1")

def broken(job):
    raise ValueError("signing in with " + secret)

attempt.open_transport = broken
lease = leases.claim(worker="check")
with remember(secret, "someone"):
    attempt.run(lease)
    exporters.flush()
"""


class Collector(ThreadingHTTPServer):
    """Keeps every body that is posted, by its path.

    :param host: the address of this machine that it listens on.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Handler)
        self.bodies: list[tuple[str, bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"{self.server_address[0]!s}:{self.server_address[1]}"

    def received(self, path: str) -> bytes:
        """All that was posted to addresses that begin so."""
        return b"".join(body for where, body in self.bodies if where.startswith(path))


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        unpack = {"gzip": gzip.decompress, "br": brotli.decompress}.get(
            self.headers.get("Content-Encoding", "")
        )
        body = unpack(body) if unpack else body
        self.server.bodies.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


def main() -> int:
    """0 where all is as it should be; else says what is not."""
    collector, planted = Collector(), f"planted-{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="portal-observability-") as directory:
        packages = Path(directory, "packages")
        lock = ["--require-hashes", "--requirement", "requirements-observability.lock"]
        install = [str(BIN / "uv"), "pip", "install", "--quiet", "--python", sys.executable]
        install += ["--target", str(packages), *lock]
        subprocess.run(install, cwd=ROOT, check=True)
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}",
            "PORTAL_DATA_DIR": f"{directory}/data",
            "PORTAL_DOTENV": "",
            "ALLOWED_HOSTS": "testserver",
            "SENTRY_DSN": f"http://key@{collector.address}/1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}",
            "PLANTED": planted,
            "LOG_LEVEL": "ERROR",
        }
        subprocess.run([sys.executable, "-c", _INSIDE], cwd=directory, env=env, check=True)
    problems = list(_problems(collector, planted.encode()))
    print("\n".join(problems) or f"{len(collector.bodies)} posts arrived, all of them as they should be.")
    return 1 if problems else 0


def _problems(collector: Collector, planted: bytes) -> list[str]:
    reports, spans = collector.received("/api/1/envelope"), collector.received("/v1/traces")
    found = {
        "no report of the internal error arrived": b"import.internal_error" in reports,
        "the report does not name the task": b"task_id" in reports,
        "no span of the request arrived": b"accounts/login" in spans,
        "no span of the attempt arrived": b"import attempt" in spans and b"portal.task_id" in spans,
        "the attempt's span does not say how it ended": b"internal_error" in spans,
        "a span is not of this service": b"registry-portal" in spans,
        "the secret was sent to Sentry": planted not in reports,
        "the secret was sent to the collector of traces": planted not in spans,
    }
    return [problem for problem, well in found.items() if not well]


if __name__ == "__main__":
    sys.exit(main())
