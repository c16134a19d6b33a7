"""Clean-up on the whole product: a collection while people pull and an import runs."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable

import pytest

from stack.sample import index_of
from testbed.images import random_image
from testbed.portal import ADMIN, PortalProcess
from testbed.scripted_registry import ScriptedRegistry
from testbed.services import RegistryServer
from testbed.throttle import Throttle

pytestmark = pytest.mark.timeout(300)

#: No pull takes longer than this while garbage is collected, seconds.
SLOWEST = 3.0


class Puller(threading.Thread):
    """Pulls one image over and over, as skopeo does it."""

    def __init__(self, portal: PortalProcess, image: str) -> None:
        super().__init__(name="puller")
        self._portal, self._image = portal, image
        self.enough = threading.Event()
        self.failed: list[str] = []
        self.seconds: list[float] = []

    def run(self) -> None:
        where = f"docker://{self._portal.registry_host}/{self._image}"
        creds = f"--src-creds={ADMIN}:{self._portal.token}"
        while not self.enough.is_set():
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as layers:
                command = ["skopeo", "copy", "--src-tls-verify=false", creds, where, f"dir:{layers}"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            self.seconds.append(time.monotonic() - began)
            if done.returncode:
                self.failed.append(done.stderr)


def test_garbage_is_collected_while_people_pull_and_an_import_makes_room_and_goes_on(
    make_portal: Callable[..., PortalProcess], registry: RegistryServer
) -> None:
    portal = make_portal(IMPORT_SWEEP_SECONDS="1")
    project = portal.project("cleaned")
    base = f"/projects/{project}"
    assert portal.call("PATCH", base, {"trash_days": 0}).status_code == 200
    kept = registry.push("clean/kept", "1", random_image([400_000], seed=1))
    gone = index_of(
        [random_image([3_000_000], seed=2), random_image([2_000_000], seed=3, platform="linux/arm64")]
    )
    registry.push("clean/gone", "1", gone)
    for name in ("kept", "gone"):
        assert portal.run_import(project, f"{registry.host}/clean/{name}:1")["status"] == "success"
    rows = portal.call("GET", f"{base}/images?repository=clean/gone").json()["results"]
    assert portal.call("DELETE", f"{base}/images/{rows[0]['id']}").status_code == 204
    puller = Puller(portal, "cleaned/clean/kept:1")
    with ScriptedRegistry() as source:
        image = random_image([300_000, 2_000_000], seed=5)
        late = source.add_image("clean/late", "1", image)
        slow = Throttle(300_000)
        source.rule("GET", f"/blobs/{image.blobs[2].digest}", slow)
        task = portal.submit(project, f"{source.server_name}/clean/late:1")["id"]
        while portal.task(project, task)["bytes_done"] < 400_000:
            assert portal.task(project, task)["status"] in {"pending", "running"}
        puller.start()
        made = portal.call("POST", "/maintenance/collect")
        assert made.status_code == 202, made.text
        found = made.json()
        while found["state"] in {"waiting", "running"}:
            time.sleep(0.2)
            found = portal.call("GET", f"/maintenance/collect/{found['id']}").json()
        puller.enough.set()
        puller.join()
        slow.release()
        ended = portal.wait(project, task)
    assert found["state"] == "done", (found, portal.output()[-4000:])
    assert found["freed_bytes"] > 5_000_000
    assert not puller.failed and len(puller.seconds) > 2
    assert max(puller.seconds) < SLOWEST
    assert (ended["status"], ended["digest"], ended["attempts"]) == ("success", late, 1), ended
    assert [each["outcome"] for each in ended["history"]] == ["handed_back", "success"]
    assert portal.verify("cleaned/clean/kept", "1").digest == kept
    assert portal.verify("cleaned/clean/late", "1").digest == late
