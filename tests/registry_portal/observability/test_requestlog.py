"""The log: an object a line, ids that lead from a request to the worker, no noise, no secrets."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from imageimport.models import ImportTask
from imageimport.worker import attempt, leases
from oci import redaction
from oci.errors import OciError
from projects.models import Role
from registry_portal.observability.logs import logging_config
from tests.support.factories import TaskFactory, member
from tests.support.fresh import fresh_memory

__all__ = ["fresh_memory"]

Lines = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the JSON log says at the usual level, line by line; ``event`` picks."""
    config = logging_config("INFO", "json")
    options = dict(config["formatters"]["scrubbed"])
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(options.pop("()")(**options))
    root = logging.getLogger()
    root.addHandler(handler)

    def read(event: str = "") -> list[dict[str, Any]]:
        found = [json.loads(line) for line in out.getvalue().splitlines()]
        return [line for line in found if not event or line["event"] == event]

    yield read
    root.removeHandler(handler)


@pytest.mark.django_db
def test_a_request_is_one_line_whose_id_goes_back(client: Client, lines: Lines) -> None:
    user, project = member(Role.VIEWER)
    client.force_login(user)
    response = client.get(reverse("imports", args=[project.name]) + "?status=failed")
    (line,) = lines("request_finished")
    assert line["request"] == f"GET /projects/{project.name}/imports/?status=failed"
    assert (line["code"], line["user_id"], line["level"]) == (200, user.pk, "info")
    assert line["ms"] > 0
    assert response["X-Request-ID"] == line["request_id"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_probes_that_go_well_say_nothing(client: Client, lines: Lines, path: str) -> None:
    assert client.get(path, headers={"Host": "localhost"}).status_code == 200
    assert lines("request_finished") == []


@pytest.mark.django_db
def test_a_poll_says_something_only_when_it_fails(client: Client, lines: Lines) -> None:
    user, project = member(Role.VIEWER)
    task = TaskFactory(project=project)
    client.force_login(user)
    assert client.get(reverse("import-live", args=[project.name, task.pk])).status_code == 200
    assert lines("request_finished") == []
    assert client.get(reverse("import-live", args=["other", task.pk])).status_code == 404
    assert [line["code"] for line in lines("request_finished")] == [404]


@pytest.mark.django_db
def test_ids_from_outside_count_behind_a_trusted_proxy_only_and_do_no_harm(
    client: Client, lines: Lines, settings: Any
) -> None:
    outside = "abc-1\x1b[31m" + "x" * 500
    client.get("/accounts/login/", HTTP_X_REQUEST_ID=outside)
    settings.DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
    client.get("/accounts/login/", HTTP_X_REQUEST_ID=outside)
    own, theirs = (line["request_id"] for line in lines("request_finished"))
    assert len(own) == 36
    assert theirs == ("abc-131m" + "x" * 500)[:64]


@pytest.mark.django_db
def test_a_made_up_host_is_a_line_without_a_traceback(client: Client, lines: Lines, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["portal.example"]
    assert client.get("/healthz", HTTP_HOST="evil.example").status_code == 400
    assert not [line for line in lines() if "exception" in line]


@pytest.mark.django_db(transaction=True)
def test_the_worker_says_the_id_of_the_request_that_asked(
    client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, project = member(Role.DEVELOPER)
    client.force_login(user)
    response = client.post(
        f"/api/v1/projects/{project.pk}/images/import",
        {"image_url": "ghcr.io/owner/app:1"},
        "application/json",
    )
    task = ImportTask.objects.get(pk=response.json()["id"])
    assert task.request_id == response["X-Request-ID"]

    def refuse(_job: object) -> None:
        raise OciError("not_found", "Not there.")

    monkeypatch.setattr(attempt, "open_transport", refuse)
    lease = leases.claim(worker="test:1")
    assert lease is not None
    attempt.run(lease)
    (failed,) = lines("import.failed")
    assert (failed["request_id"], failed["task_id"], failed["attempt"]) == (task.request_id, str(task.pk), 1)


def test_secrets_are_taken_out_of_messages_and_tracebacks(lines: Lines) -> None:
    with redaction.remember("hunter2-planted", "someone"):
        try:
            raise ValueError("the password is hunter2-planted")
        except ValueError:
            logging.getLogger("imageimport.test").exception("failed with %s", "hunter2-planted")
    (line,) = lines()
    assert "ValueError" in line["exception"]
    assert "hunter2" not in json.dumps(line)


@pytest.mark.django_db
def test_a_word_that_somebody_typed_as_a_password_stays_in_the_lines_of_others(
    client: Client, lines: Lines
) -> None:
    begun, looked = threading.Event(), threading.Event()

    def bob() -> None:
        with redaction.scope(), redaction.remember("127.0.0.1", "bob"):
            begun.set()
            assert looked.wait(30)
            logging.getLogger("imageimport.test").error("bob sent %s", "127.0.0.1")

    thread = threading.Thread(target=bob)
    thread.start()
    assert begun.wait(30)
    client.get("/accounts/login/")
    looked.set()
    thread.join()
    (line,) = lines("request_finished")
    assert line["ip"] == "127.0.0.1"
    assert [line["event"] for line in lines("bob sent ***")] == ["bob sent ***"]


@pytest.mark.django_db
def test_a_long_path_takes_no_time_to_log(client: Client, lines: Lines) -> None:
    began = time.process_time()
    for _ in range(10):
        client.get("/" + "a." * 1950)
    took = time.process_time() - began
    assert len(lines("request_finished")) == 10
    began = time.process_time()
    for _ in range(10):
        client.get("/" + "a" * 3900)
    assert took < 3 * (time.process_time() - began) + 0.1


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["import-new", "import-reading"])
def test_what_is_typed_for_an_import_does_not_stand_in_the_line_of_its_address(
    client: Client, lines: Lines, page: str
) -> None:
    user, project = member(Role.DEVELOPER)
    client.force_login(user)
    typed = {"image_url": "podman pull --creds deploy:Hunter2-Secret ghcr.io/o/r:1", "mode": "one"}
    assert client.get(reverse(page, args=[project.name]), typed).status_code == 200
    assert client.post(reverse("import-reading", args=[project.name]), typed).status_code == 200
    first, second = lines("request_finished")
    assert first["request"].endswith("/?image_url=***&mode=one")
    assert "Hunter2" not in json.dumps([first, second])
