"""Nothing that a registry sends makes a worker grow, hang or die: measured on the processes of the real worker.

``VmHWM`` is the most memory that a process ever held; writing 5 to ``clear_refs`` sets it to what it holds now.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stack.sample import OCI_INDEX, OCI_MANIFEST
from testbed.images import random_image
from testbed.portal import ENDED, alive
from testbed.scripted_http import Hangup, Reply, Request
from testbed.scripted_registry import Act, ScriptedRegistry, digest_of, drip, redirect, stall
from tests.security.conftest import STALL, Siege

#: A whole portal, on a machine that may be busy with others.
pytestmark = pytest.mark.timeout(480)

MIB = 1024 * 1024
#: What an import may take where its layers come in parts (docs/scaling.md), in one process.
MAX_GROWTH = 48 * MIB
#: All cases together, eight at once: a retry budget of 60 s each where a fault may pass, and a busy machine. Seconds.
PATIENCE = 200
AT_ONCE = 8

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


def with_annotations(annotations: dict[str, str]) -> bytes:
    document = json.loads(random_image([4096], seed=8).manifest.data)
    return json.dumps(document | {"annotations": annotations}).encode()


def large_manifest(number: int) -> bytes:
    """Nearly four mebibytes."""
    return with_annotations({str(number): "x" * (4 * MIB - 10_000)})


def add_index(evil: ScriptedRegistry, image: str, manifests: list[bytes]) -> None:
    """An index of these, without platforms."""
    entries = []
    for body in manifests:
        digest = evil.add_manifest(image, digest_of(body), body, OCI_MANIFEST)
        entries.append({"mediaType": OCI_MANIFEST, "digest": digest, "size": len(body)})
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    evil.add_manifest(image, "1", body, OCI_INDEX)


def large_children(evil: ScriptedRegistry, image: str) -> None:
    add_index(evil, image, [large_manifest(number) for number in range(16)])


def large_configurations(evil: ScriptedRegistry, image: str) -> None:
    """Children whose entries name no platform, so that their configurations are looked into."""
    manifests = []
    for number in range(16):
        text = {"os": "linux", "architecture": "amd64", "n": number, "text": "x" * (4 * MIB - 10_000)}
        blob = json.dumps(text).encode()
        config = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": evil.add_blob(image, blob),
            "size": len(blob),
        }
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
        manifests.append(json.dumps(document).encode())
    add_index(evil, image, manifests)


def large_attachments(evil: ScriptedRegistry, image: str) -> None:
    """An image that is fine, with referrers page after page, each as large as one may be."""

    def page(request: Request, _proceed: Callable[[], Reply]) -> Reply:
        number = int(request.asked("page") or "0") + 1
        entry = {
            "mediaType": OCI_MANIFEST,
            "digest": f"sha256:{number:064x}",
            "size": 1000,
            "annotations": {"a": "x" * (2 * MIB - 10_000)},
        }
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
        link = ("Link", f'<{request.path}?page={number}>; rel="next"')
        return Reply(headers=[("Content-Type", OCI_INDEX), link], body=body)

    evil.rule("GET", f"/v2/{image}/referrers/", page)


def billion_ways(evil: ScriptedRegistry, image: str) -> None:
    """Three small indexes, each of which names the next a thousand times."""
    entry = random_image([4096], seed=8).manifest.descriptor()
    for _depth in range(3):
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * 1000}
        body = json.dumps(document).encode()
        digest = evil.add_manifest(image, "1", body, OCI_INDEX)
        entry = {"mediaType": OCI_INDEX, "digest": digest, "size": len(body)}


def tags_without_end(request: Request, _proceed: Callable[[], Reply]) -> Reply:
    number = int(request.asked("last") or "0") + 1
    names = [f"{number}-{place}-".ljust(128, "x") for place in range(5_000)]
    link = ("Link", f'<{request.path}?last={number}>; rel="next"')
    return Reply(headers=[link], body=json.dumps({"tags": names}).encode())


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
    time.sleep(STALL * 2)
    raise Hangup


def huge_size(evil: ScriptedRegistry, image: str) -> None:
    layer = {"mediaType": "application/octet-stream", "digest": f"sha256:{'c' * 64}", "size": 2**62}
    evil.add_manifest(image, "1", with_layers([layer]), OCI_MANIFEST)


LAYER = {"mediaType": "application/octet-stream", "digest": f"sha256:{'d' * 64}", "size": 1}
#: What the import asks for beyond the image.
FIELDS: dict[str, dict[str, Any]] = {
    "configurations of 4 MiB": {"platforms": ["linux/amd64"]},
    "a billion ways": {"platforms": ["linux/amd64"]},
}


@cache
def cases() -> dict[str, tuple[Arrange, set[str]]]:
    """How each is sent, and how it may end: error codes, none for success. What is waited for comes first.

    Made where it is used: hundreds of mebibytes, which nobody should hold who only collects tests.
    """
    big = b"a" * (96 * MIB)
    return {
        "silent headers": (everything(silent_headers), {"stalled", "source_error", "unreachable"}),
        "silent manifest": (manifest(stall(10)), {"stalled"}),
        "dripping manifest": (manifest(drip(1, 0.5)), {"stalled"}),
        "silent layer": (blobs(stall(100)), {"stalled"}),
        "silent token server": (token(b"{}", stall_at=1), {"stalled"}),
        "children of 4 MiB": (large_children, {"limit_exceeded"}),
        "configurations of 4 MiB": (large_configurations, {"limit_exceeded"}),
        "referrers without end": (large_attachments, {""}),
        "a billion ways": (billion_ways, {""}),
        "a manifest of 4 MiB": (document(large_manifest(0)), {""}),
        "one wide character in 4 MiB": (
            document(large_manifest(0).replace(b"xxxx", "\U0001f600".encode(), 1)),
            {"limit_exceeded"},
        ),
        "one escape in 4 MiB": (
            document(large_manifest(0).replace(b"xxxxxxxxxxxx", b"\\ud83d\\ude00", 1)),
            {"limit_exceeded"},
        ),
        "49,000 annotations": (
            document(with_annotations({f"k{number}": "v" * 60 for number in range(49_000)})),
            {"limit_exceeded"},
        ),
        "UTF-16": (document(with_annotations({}).decode().encode("utf-16")), {"unsupported_manifest"}),
        "endless manifest": (manifest(answer(big, length=None)), {"limit_exceeded"}),
        "manifest of 96 MiB": (manifest(answer(big)), {"limit_exceeded"}),
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
        "endless token": (token(big, length=None), {"protocol_error"}),
        "error page of 96 MiB": (everything(Reply(403, [("Content-Type", "text/html")], big)), {"forbidden"}),
        "redirects in circles": (everything(redirect("{path}")), {"protocol_error"}),
        "interim answers without end": (
            everything(Reply(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000_000)),
            {"protocol_error"},
        ),
        "a length of a chunk without end": (
            manifest(Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 30 * MIB)),
            {"protocol_error"},
        ),
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


def submit_all(siege: Siege, project: str) -> dict[str, str]:
    """Every case as an import of its own; their ids by the names of the cases."""
    begun = {}
    for number, (name, (arrange, _codes)) in enumerate(cases().items()):
        image = f"bounds/case{number}"
        siege.evil.add_image(image, "1", random_image([4096], seed=8))
        arrange(siege.evil, image)
        reference = f"{siege.evil.server_name}/{image}:1"
        begun[name] = siege.portal.submit(project, reference, **FIELDS.get(name, {}))["id"]
    return begun


def look_at_all_tags(siege: Siege, project: str) -> str:
    """Begin a run of a schedule over tags without end; its address in the API."""
    siege.evil.rule("GET", "/v2/bounds/tags/tags/list", tags_without_end)
    base = f"/projects/{project}/schedules"
    body = {"image_url": f"{siege.evil.server_name}/bounds/tags", "tags": ["*"], "cron": "0 3 1 1 *"}
    made = siege.portal.call("POST", base, body)
    assert made.status_code == 201, made.text
    run = siege.portal.call("POST", f"{base}/{made.json()['id']}/run")
    assert run.status_code == 202, run.text
    return f"{base}/{made.json()['id']}/runs/{run.json()['id']}"


def test_no_answer_of_a_registry_makes_the_worker_grow_hang_or_die(siege: Siege) -> None:
    portal, evil = siege.portal, siege.evil
    evil.sign_in, evil.referrers_api = None, True
    project = portal.project("bounds")
    for seed in range(AT_ONCE):  # every process has done an import before it is measured
        evil.add_image(f"warm/app{seed}", "1", random_image([200_000], seed=seed + 50))
    warm = [portal.submit(project, f"{evil.server_name}/warm/app{seed}:1") for seed in range(AT_ONCE)]
    assert {portal.wait(project, task["id"])["status"] for task in warm} == {"success"}
    pids = worker_pids(siege)
    before = {}
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        before[pid] = memory(pid, "VmRSS")
    began, begun, run = time.monotonic(), submit_all(siege, project), look_at_all_tags(siege, project)
    ends: dict[str, dict[str, Any]] = {}
    while len(ends) < len(begun) and time.monotonic() - began < PATIENCE:
        time.sleep(0.5)
        now = {name: portal.task(project, task) for name, task in begun.items() if name not in ends}
        ends |= {name: task for name, task in now.items() if task["status"] in ENDED}
        for name in now.keys() & ends.keys():
            print(f"{time.monotonic() - began:6.1f} s {name}: {ends[name]['error'] or ends[name]['status']}")
    hanging = {name: now[name]["message"] for name in begun if name not in ends}
    assert not hanging, f"{hanging} after {PATIENCE} s"
    wrong = [
        f"{name}: {ended['status']} {ended['error_code']} {ended['error']}"
        for name, ended in ends.items()
        if ended["error_code"] not in cases()[name][1]
    ]
    growth = {pid: memory(pid, "VmHWM") - before[pid] for pid in pids}
    print({pid: f"{grown / MIB:.1f} MiB" for pid, grown in growth.items()})
    assert not wrong, "\n".join(wrong)
    assert portal.call("GET", run).json()["error_code"] == "limit_exceeded"
    assert max(growth.values()) < MAX_GROWTH
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
    cases()[case][0](evil, image)
    task = portal.submit(project, f"{evil.server_name}/{image}:1")
    deadline = time.monotonic() + 30
    while not evil.seen("GET", f"{image}/"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    began = time.monotonic()
    assert portal.call("POST", f"/projects/{project}/images/import/{task['id']}/cancel").status_code == 202
    assert portal.wait(project, task["id"], timeout=30)["status"] == "canceled"
    assert time.monotonic() - began < 15
