"""What leaves for Sentry is scrubbed and carries the log's ids; nothing starts, and nothing breaks, unconfigured.

With the packages themselves: ``python -m scripts.check_observability``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from imageimport.worker import attempt, leases
from imageimport.worker.leases import Lease
from oci import redaction
from oci.errors import OciError
from registry_portal.observability import exporters
from stack.paths import ROOT
from tests.support.factories import TaskFactory

SECRET = "hunter2-planted"


def event() -> dict[str, Any]:
    """As the SDK builds one, with a secret wherever one could be."""
    return {
        "message": f"signing in with {SECRET}",
        "request": {
            "url": f"https://portal.test/?token={SECRET}",
            "query_string": f"password={SECRET}",
            "cookies": {"sessionid": SECRET},
            "data": {"password": SECRET},
            "env": {"SERVER_NAME": "x"},
            "headers": {"Authorization": f"Bearer {SECRET}", "Cookie": SECRET, "User-Agent": "docker/28"},
        },
        "exception": {
            "values": [{"type": "ValueError", "value": f"bad {SECRET}", "stacktrace": {"frames": []}}]
        },
        "breadcrumbs": {"values": [{"message": SECRET, "data": {"url": f"https://user:{SECRET}@host/"}}]},
        "extra": {"deep": [{"er": (SECRET, 7, None)}]},
        "tags": {"kept": "yes"},
    }


def test_no_secret_leaves_in_a_report_wherever_it_stands() -> None:
    with redaction.remember(SECRET, "someone"):
        sent = exporters.before_send(event(), {})
    assert SECRET not in json.dumps(sent)
    assert sent["request"]["headers"] == {"User-Agent": "docker/28"}
    assert sent["extra"]["deep"][0]["er"][1:] == [7, None]
    assert sent["exception"]["values"][0]["type"] == "ValueError"


def test_even_a_secret_that_nobody_remembers_is_withheld_where_secrets_stand() -> None:
    sent = exporters.before_send(event(), {})
    assert not {"cookies", "data", "env"} & sent["request"].keys()
    assert SECRET not in json.dumps(sent["request"])


def test_a_report_carries_the_ids_of_the_log() -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", task_id="t-1", attempt=2):
        sent = exporters.before_send({"message": "x", "tags": {"kept": "yes"}}, {})
    assert sent["tags"] == {"kept": "yes", "request_id": "r-1", "task_id": "t-1", "attempt": "2"}


def test_unconfigured_nothing_is_imported() -> None:
    code = (
        "import sys; import registry_portal.wsgi; "
        "print([name for name in sys.modules if name.startswith(('sentry_sdk', 'opentelemetry'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_configured_without_the_packages_says_how_to_install_them_and_goes_on(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(exporters.log, "warning", lambda event, **kw: said.append((event, kw)))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    settings.SENTRY_DSN = "http://key@127.0.0.1:1/1"
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:1"
    exporters.start()
    exporters.flush()
    assert [kw["variable"] for _event, kw in said] == ["SENTRY_DSN", "OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert (ROOT / said[0][1]["hint"].split()[-1]).is_file()


@pytest.mark.django_db(transaction=True)
def test_watchers_are_around_the_whole_attempt_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    @contextmanager
    def watcher(lease: Lease) -> Iterator[None]:
        seen.append(("begins", lease.task_id, lease.attempt))
        yield
        task.refresh_from_db()
        seen.append(("ends", task.status))

    def refuse(_job: object) -> None:
        raise OciError("not_found", "Not there.")

    monkeypatch.setattr(attempt, "around_attempt", [watcher])
    monkeypatch.setattr(attempt, "open_transport", refuse)
    task = TaskFactory()
    lease = leases.claim(worker="test:1")
    assert lease is not None
    attempt.run(lease)
    assert seen == [("begins", task.pk, 1), ("ends", "failed")]
