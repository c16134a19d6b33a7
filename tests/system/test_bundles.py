"""Downloads of bundles from a whole portal: interrupted, from a registry that fails, by readers that stand still."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from stack.sample import Image
from testbed.images import random_image
from testbed.portal import PortalProcess, parent_of
from testbed.services import RegistryServer
from tests.support.footprint import footprint

pytestmark = pytest.mark.timeout(300)
MIB = 1024 * 1024
#: curl: the transfer ended before all that was announced had come.
PARTIAL = 18


@dataclass
class Giver:
    """A portal with a bundle of one image of some sixty megabytes."""

    portal: PortalProcess
    image: Image
    made: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.made["volumes"][0]["url"])

    def curl(self, goal: Path, *options: str) -> int:
        """The command line of the bundle's page; its exit code."""
        return subprocess.run(self.command(goal, *options), check=False).returncode

    def command(self, goal: Path, *options: str) -> list[str]:
        command = ["curl", "-sS", "-f", "-C", "-", "--retry", "20", *options, "-o", str(goal)]
        return [*command, "-H", f"Authorization: Bearer {self.portal.token}", self.url]

    def web_worker(self) -> int:
        """The process that answers."""
        master = self.portal.main_pid("gunicorn")
        (worker,) = [pid for pid in self.portal.pids("gunicorn") if parent_of(pid) == master]
        return worker

    def blob(self, digest: str) -> Path:
        algorithm, _, name = digest.partition(":")
        root = self.portal.data_dir / "registry/data/docker/registry/v2/blobs"
        return root / algorithm / name[:2] / name / "data"


@pytest.fixture(scope="module")
def giver(make_module_portal: Callable[..., PortalProcess], registry: RegistryServer) -> Giver:
    portal = make_module_portal(
        WEB_CONCURRENCY="1", IMPORT_PRIVATE_SOURCES=registry.host, IMPORT_INSECURE_SOURCES=registry.host
    )
    # More than fits into the buffers on the way three times over.
    image = random_image([30 * MIB, 20 * MIB, 8 * MIB, 1000], seed=71)
    registry.push("bundles/app", "1", image)
    project = portal.project("team")
    portal.run_import(project, f"{registry.host}/bundles/app:1", target_name="app")
    answer = portal.call("POST", f"/projects/{project}/bundles", {"images": ["app:1"]})
    assert answer.status_code == 201, answer.text
    return Giver(portal, image, answer.json())


@pytest.fixture(scope="module")
def whole(giver: Giver, tmp_path_factory: pytest.TempPathFactory) -> str:
    """SHA-256 of the file, read in one go."""
    goal = tmp_path_factory.mktemp("whole") / "a.tar"
    assert giver.curl(goal) == 0
    assert goal.stat().st_size == giver.made["size"]
    return sha256(goal)


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_download_goes_on_after_the_web_process_was_killed_again_and_again(
    giver: Giver, whole: str, tmp_path: Path
) -> None:
    goal, killed = tmp_path / "a.tar", 0
    while size_of(goal) < giver.made["size"]:
        had = size_of(goal)
        # Slow while there is something left to interrupt, however quick the machine is.
        slowly = ("--limit-rate", "2M") if killed < 3 else ()
        running = subprocess.Popen(giver.command(goal, *slowly))
        while running.poll() is None and size_of(goal) < had + 2 * MIB:
            time.sleep(0.02)
        if running.poll() is None and killed < 3:
            os.kill(giver.web_worker(), signal.SIGKILL)
            killed += 1
        running.wait(60)
        until(lambda: answers(giver))
    assert killed == 3
    assert sha256(goal) == whole


def test_a_registry_that_fails_in_the_middle_ends_the_file_short_and_it_goes_on_once_that_is_mended(
    giver: Giver, whole: str, tmp_path: Path
) -> None:
    layer = max(giver.image.all_blobs(), key=lambda blob: len(blob.data))
    stored, goal = giver.blob(layer.digest), tmp_path / "a.tar"
    content = stored.read_bytes()
    stored.write_bytes(content[: len(content) // 2])
    try:
        assert giver.curl(goal) == PARTIAL
        assert goal.stat().st_size < giver.made["size"]
    finally:
        stored.write_bytes(content)
    assert giver.curl(goal) == 0
    assert sha256(goal) == whole


def test_spoilt_content_never_makes_a_file_of_the_whole_length(giver: Giver, tmp_path: Path) -> None:
    layer = max(giver.image.all_blobs(), key=lambda blob: len(blob.data))
    stored = giver.blob(layer.digest)
    content = stored.read_bytes()
    stored.write_bytes(b"\0" + content[1:] if content[0] else b"\1" + content[1:])
    try:
        assert giver.curl(tmp_path / "a.tar") == PARTIAL
        came = (tmp_path / "a.tar").stat().st_size
        assert came < giver.made["size"]
        assert giver.curl(tmp_path / "a.tar") == PARTIAL, "what continues inside the blob is proved as well"
        assert (tmp_path / "a.tar").stat().st_size < giver.made["size"]
    finally:
        stored.write_bytes(content)


def test_a_registry_that_lacks_what_comes_first_is_told_before_anything_is_sent(giver: Giver) -> None:
    links = (
        giver.portal.data_dir / "registry/data/docker/registry/v2/repositories/team/app/_manifests/revisions"
    )
    hidden = links.with_name("hidden")
    links.rename(hidden)
    try:
        answer = requests.get(giver.url, headers=signed_in(giver), timeout=30)
    finally:
        hidden.rename(links)
    assert answer.status_code == 502
    assert answer.json()["code"] == "target_error"
    assert "which the bundle lists" in answer.json()["detail"]


def test_readers_that_stand_still_hold_few_places_and_the_others_are_told_when_to_come_back(
    giver: Giver,
) -> None:
    until(lambda: both_are_free(giver))
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(standing_still(giver))
        refused = requests.get(giver.url, headers=signed_in(giver), timeout=30, stream=True)
        assert refused.status_code == 503
        assert refused.json()["code"] == "downloads_busy"
        assert int(refused.headers["Retry-After"]) > 0
        began = time.monotonic()
        assert giver.portal.call("GET", "/projects").status_code == 200
        assert time.monotonic() - began < 20
    until(lambda: giver_is_free(giver))


def test_a_download_takes_little_memory_and_no_disk(giver: Giver, tmp_path: Path) -> None:
    assert giver.curl(tmp_path / "first.tar") == 0
    worker = giver.web_worker()
    before, used = footprint([worker]).memory, disk(giver)
    for number in range(3):
        assert giver.curl(tmp_path / f"{number}.tar") == 0
    assert footprint([worker]).memory - before < 8 * MIB
    assert disk(giver) - used < MIB


@contextmanager
def standing_still(giver: Giver) -> Iterator[None]:
    """A reader that has sent its request, got the beginning, and reads no further."""
    where = urlsplit(giver.url)
    with socket.create_connection((where.hostname or "", where.port or 80)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = [f"GET {where.path} HTTP/1.1", f"Host: {where.netloc}"]
        head += [f"{name}: {value}" for name, value in signed_in(giver).items()]
        sock.sendall("\r\n".join([*head, "", ""]).encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
        yield


def signed_in(giver: Giver) -> dict[str, str]:
    return {"Authorization": f"Bearer {giver.portal.token}"}


def giver_is_free(giver: Giver) -> bool:
    headers = signed_in(giver) | {"Range": "bytes=0-9"}
    return requests.get(giver.url, headers=headers, timeout=30).status_code == 206


def both_are_free(giver: Giver) -> bool:
    """Places of processes that were killed are forgotten after a while."""
    try:
        with standing_still(giver):
            return giver_is_free(giver)
    except AssertionError:
        return False


def answers(giver: Giver) -> bool:
    try:
        return giver_is_free(giver)
    except requests.ConnectionError:
        return False


def until(is_so: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def disk(giver: Giver) -> int:
    """Bytes of the registry's data, and of what stands beside the database."""
    files = [each for each in giver.portal.data_dir.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files if "portal.sqlite3" not in each.name)
