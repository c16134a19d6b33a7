"""Batches, schedules, plans and webhooks through the whole product: its web, its worker, its beat."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from testbed.images import random_image
from testbed.portal import PortalProcess
from testbed.scripted_http import Reply, ScriptedServer
from testbed.services import RegistryServer

SECRET = "webhook-canary"


@pytest.fixture(scope="module")
def receiver() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _request: Reply(204)) as server:
        yield server


@pytest.fixture
def listening(make_portal: Callable[..., PortalProcess]) -> PortalProcess:
    """A portal that may tell webhooks on loopback."""
    return make_portal(WEBHOOK_PRIVATE_HOSTS="127.0.0.1")


def until(found: Callable[[], Any], *, timeout: float = 60.0) -> Any:
    deadline = time.monotonic() + timeout
    while not (result := found()):
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.3)
    return result


def test_many_images_a_schedule_and_whoever_wants_to_hear_of_it(
    listening: PortalProcess, registry: RegistryServer, receiver: ScriptedServer
) -> None:
    portal = listening
    project = portal.project("beyond")
    base = f"/projects/{project}"
    hook = portal.call("POST", f"{base}/webhooks", {"url": f"{receiver.url}/hook", "secret": SECRET})
    assert hook.status_code == 201, hook.text
    digests = [registry.push("beyond/app", f"1.{n}", random_image([50_000], seed=n)) for n in range(3)]
    image = f"{registry.host}/beyond/app"

    plan = portal.call("POST", f"{base}/images/import/plan", {"image_url": f"{image}:1.0"}).json()
    assert (plan["source_digest"], plan["bytes_present"]) == (digests[0], 0)

    body = {"name": "three", "images": [f"{image}:1.0", f"docker pull {image}:1.1", f"{image}:9.9"]}
    made = portal.call("POST", f"{base}/images/import/batches", body)
    assert made.status_code == 202, made.text
    where = f"{base}/images/import/batches/{made.json()['id']}"
    done = until(lambda: (found := portal.call("GET", where).json())["completed_at"] and found)
    assert done["counts"] == {
        "requested": 0,
        "pending": 0,
        "running": 0,
        "success": 2,
        "failed": 1,
        "canceled": 0,
    }
    assert done["progress"] == 100
    assert portal.verify("beyond/beyond/app", "1.1").digest == digests[1]

    schedule = portal.call(
        "POST", f"{base}/schedules", {"image_url": image, "tags": ["semver:>=1 <2"], "cron": "0 3 * * *"}
    ).json()
    assert portal.call("POST", f"{base}/schedules/{schedule['id']}/run").status_code == 202
    ran = until(
        lambda: (s := portal.call("GET", f"{base}/schedules/{schedule['id']}").json())["last_run_at"] and s
    )
    assert ran["last_result"] == {"checked": 3, "imported": 1, "unchanged": 2, "failed": 0}
    assert portal.verify("beyond/beyond/app", "1.2").digest == digests[2]

    expected = [
        "batch.completed",
        "import.failed",
        "import.succeeded",
        "import.succeeded",
        "import.succeeded",
    ]
    until(lambda: len(receiver.requests) >= len(expected) + 1)
    told = [json.loads(request.body) for request in receiver.requests]
    assert sorted(each["event"] for each in told) == [*expected, "schedule.completed"]
    for request in receiver.requests:
        signed = hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
        assert request.headers["x-portal-signature-256"] == f"sha256={signed}"

    audit = portal.call("GET", f"{base}/audit").json()["results"]
    assert {"webhook.created", "batch.created", "schedule.created", "schedule.run"} <= {
        row["action"] for row in audit
    }
    assert SECRET not in portal.output()
