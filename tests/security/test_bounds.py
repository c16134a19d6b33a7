"""Nothing that a registry sends makes a worker grow, hang or die: measured on the processes of the real worker.

``VmHWM`` is the most memory that a process ever held; writing 5 to ``clear_refs`` sets it to what it holds now.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stack.sample import OCI_INDEX, OCI_MANIFEST, random_image
from tests.security.conftest import STALL, Siege
from tests.support.portal import ENDED, alive
from tests.support.scripted_http import Hangup, Reply, Request
from tests.support.scripted_registry import Act, ScriptedRegistry, digest_of, drip, redirect, stall

#: A whole portal, on a machine that may be busy with others.
pytestmark = pytest.mark.timeout(480)

MIB = 1024 * 1024
MOST_GROWTH = 32 * MIB
#: All cases together, six at once: a retry budget of 60 s each where a fault may pass, and a busy machine. Seconds.
PATIENCE = 200

Arrange = Callable[[ScriptedRegistry, str], None]


def worker_pids(siege: Siege) -> list[int]:
    return sorted(siege.portal.pids("registry_portal worker"))


def memory(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"{pid} has no {field}")


def answer(body: bytes, media_type: str = OCI_MANIFEST, **more: Any) -> Reply:
    return Reply(headers=[("Content-Type", media_type)], body=body, **more)


def manifest(reply: Reply | Act) -> Arrange:
    return lambda evil, image: _rule(evil, "GET", f"/v2/{image}/manifests/", reply)


def document(body: bytes, media_type: str = OCI_MANIFEST) -> Arrange:
    """A manifest with the right digest."""

    def arrange(evil: ScriptedRegistry, image: str) -> None:
        evil.add_manifest(image, "1", body, media_type)

    return arrange


def everything(reply: Reply | Act) -> Arrange:
    return lambda evil, image: _rule(evil, "", f"/v2/{image}/", reply)


def blobs(reply: Reply | Act) -> Arrange:
    return lambda evil, image: _rule(evil, "GET", f"/v2/{image}/blobs/", reply)


def _rule(evil: ScriptedRegistry, method: str, pattern: str, reply: Reply | Act) -> None:
    evil.rule(method, pattern, reply)


def token(body: bytes, **more: Any) -> Arrange:
    """Every request asks for a token, whose server answers so."""

    def arrange(evil: ScriptedRegistry, image: str) -> None:
        realm = f"{evil.url}/token/{image}"
        challenge = ("WWW-Authenticate", f'Bearer realm="{realm}",service="s"')
        evil.rule(
            "GET",
            f"^/token/{image}$",
            Reply(headers=[("Content-Type", "application/json")], body=body, **more),
        )
        evil.rule("", f"/v2/{image}/", Reply(401, [challenge]))

    return arrange


def index(children: int) -> bytes:
    entries = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": f"sha256:{number:064x}",
            "size": 1000,
            "platform": {"os": "linux"},
        }
        for number in range(children)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def with_layers(layers: list[dict[str, Any]]) -> bytes:
    document = json.loads(random_image([1000], seed=5).manifest.data)
    return json.dumps(document | {"layers": layers}).encode()


def self_reference(evil: ScriptedRegistry, image: str) -> None:
    """An index that holds an index … deeper than anybody needs."""
    inner = random_image([1000], seed=3).manifest.descriptor()
    for _depth in range(12):
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner]}).encode()
        evil.add_manifest(image, "1", body, OCI_INDEX)
        inner = {"mediaType": OCI_INDEX, "digest": digest_of(body), "size": len(body)}


def longer_than_said(evil: ScriptedRegistry, image: str) -> None:
    """A layer that goes on for 200 MiB after its size."""
    for blob in random_image([4096], seed=8).all_blobs():
        evil.rule(
            "GET", f"/v2/{image}/blobs/{blob.digest}", Reply(body=blob.data + bytes(200 * MIB), length=None)
        )


def silent_headers(_request: Request, _proceed: Callable[[], Reply]) -> Reply:
    time.sleep(STALL * 3)
    raise Hangup


def huge_size(evil: ScriptedRegistry, image: str) -> None:
    layer = {"mediaType": "application/octet-stream", "digest": f"sha256:{'c' * 64}", "size": 2**62}
    evil.add_manifest(image, "1", with_layers([layer]), OCI_MANIFEST)


BIG = b"a" * (96 * MIB)
LAYER = {"mediaType": "application/octet-stream", "digest": f"sha256:{'d' * 64}", "size": 1}
CASES: dict[str, tuple[Arrange, set[str]]] = {
    "endless manifest": (manifest(answer(BIG, length=None)), {"limit_exceeded"}),
    "manifest of 96 MiB": (manifest(answer(BIG)), {"limit_exceeded"}),
    "4 MiB of objects": (
        document(b'{"a":[' + b",".join([b"{}"] * 1_390_000) + b"]}"),
        {"limit_exceeded", "unsupported_manifest"},
    ),
    "100,000 brackets": (document(b"[" * 100_000), {"limit_exceeded", "unsupported_manifest"}),
    "a number of a million digits": (
        document(b'{"schemaVersion":' + b"9" * 1_000_000 + b"}"),
        {"unsupported_manifest"},
    ),
    "10,000 children": (document(index(10_000), OCI_INDEX), {"limit_exceeded"}),
    "10,000 layers": (document(with_layers([LAYER] * 10_000)), {"limit_exceeded"}),
    "deep index": (self_reference, {"limit_exceeded", "unsupported_manifest"}),
    "a layer of exabytes": (huge_size, {"source_error", "limit_exceeded", "quota_exceeded"}),
    "a layer longer than said": (longer_than_said, {"digest_mismatch", "source_error", "protocol_error"}),
    "gzip bomb": (
        everything(
            Reply(
                headers=[("Content-Type", OCI_MANIFEST), ("Content-Encoding", "gzip")],
                body=gzip.compress(bytes(100 * MIB), 1),
            )
        ),
        {"unsupported_manifest"},
    ),
    "headers without end": (
        everything(
            Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(1_000_000)))
        ),
        {"protocol_error"},
    ),
    "a header of 30 MiB": (
        everything(Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + bytes(30 * MIB))),
        {"protocol_error"},
    ),
    "a challenge of 60 KiB": (
        everything(Reply(401, [("WWW-Authenticate", "Bearer " + ",".join(["a=b"] * 15_000))])),
        {"unauthorized", "protocol_error"},
    ),
    "token of 30 MiB": (token(b'{"token":"' + b"t" * 30 * MIB + b'"}'), {"protocol_error"}),
    "endless token": (token(BIG, length=None), {"protocol_error"}),
    "error page of 96 MiB": (everything(Reply(403, [("Content-Type", "text/html")], BIG)), {"forbidden"}),
    "redirects in circles": (everything(redirect("{path}")), {"protocol_error"}),
    "silent headers": (everything(silent_headers), {"stalled", "source_error", "unreachable"}),
    "silent manifest": (manifest(stall(10)), {"stalled"}),
    "dripping manifest": (manifest(drip(1, 0.5)), {"stalled"}),
    "silent layer": (blobs(stall(100)), {"stalled"}),
    "trailers without end": (
        manifest(
            Reply(
                raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
                + b"".join(b"X-%d: y\r\n" % n for n in range(1_000_000))
            )
        ),
        {"protocol_error", "unsupported_manifest"},
    ),
}


def test_no_answer_of_a_registry_makes_the_worker_grow_hang_or_die(siege: Siege) -> None:
    portal, evil = siege.portal, siege.evil
    evil.sign_in = None
    project = portal.project("bounds")
    for seed in range(6):  # every process has done an import before it is measured
        evil.add_image(f"warm/app{seed}", "1", random_image([200_000], seed=seed + 50))
    warm = [portal.submit(project, f"{evil.server_name}/warm/app{seed}:1") for seed in range(6)]
    assert {portal.wait(project, task["id"])["status"] for task in warm} == {"success"}
    pids = worker_pids(siege)
    before = {}
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        before[pid] = memory(pid, "VmRSS")
    began, begun = time.monotonic(), {}
    for number, (name, (arrange, _codes)) in enumerate(CASES.items()):
        image = f"bounds/case{number}"
        evil.add_image(image, "1", random_image([4096], seed=8))
        arrange(evil, image)
        begun[name] = portal.submit(project, f"{evil.server_name}/{image}:1")["id"]
    ends: dict[str, dict[str, Any]] = {}
    while len(ends) < len(begun) and time.monotonic() - began < PATIENCE:
        time.sleep(0.5)
        now = {name: portal.task(project, task) for name, task in begun.items() if name not in ends}
        ends |= {name: task for name, task in now.items() if task["status"] in ENDED}
    hanging = {name: now[name]["message"] for name in begun if name not in ends}
    assert not hanging, f"{hanging} after {PATIENCE} s"
    wrong = [
        f"{name}: {ended['status']} {ended['error_code']} {ended['error']}"
        for name, ended in ends.items()
        if ended["error_code"] not in CASES[name][1]
    ]
    growth = {pid: memory(pid, "VmHWM") - before[pid] for pid in pids}
    assert not wrong, "\n".join(wrong)
    assert max(growth.values()) < MOST_GROWTH, {
        pid: f"{grown / MIB:.1f} MiB" for pid, grown in growth.items()
    }
    assert all(alive(pid) for pid in pids), "a process of the worker died"
    assert {ended["attempts"] for ended in ends.values()} == {1}
    healthy = portal.run_import(project, f"{evil.server_name}/warm/app0:1", target_name="after")
    assert healthy["status"] == "success"


@pytest.mark.parametrize("case", ["silent manifest", "dripping manifest", "silent layer"])
def test_an_import_that_stalls_can_be_canceled_at_once(siege: Siege, case: str) -> None:
    portal, evil = siege.portal, siege.evil
    evil.sign_in = None
    project = portal.project("bounds")
    image = f"cancel/{case.replace(' ', '-')}"
    evil.add_image(image, "1", random_image([4096], seed=8))
    CASES[case][0](evil, image)
    task = portal.submit(project, f"{evil.server_name}/{image}:1")
    deadline = time.monotonic() + 30
    while not evil.seen("GET", f"{image}/"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    began = time.monotonic()
    assert portal.call("POST", f"/projects/{project}/images/import/{task['id']}/cancel").status_code == 202
    assert portal.wait(project, task["id"], timeout=30)["status"] == "canceled"
    assert time.monotonic() - began < 15
