"""The private registry down, restarted in the middle of an upload, hanging, full, refusing: the old tag stands."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.scripted_auth import unauthorized
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry, refuse
from testbed.services import RegistryServer, start_registry
from tests.support.house import KIB, MIB, House
from tests.system.conftest import MakeHouse

#: Three attempts with their pauses, when every one of them fails at once.
THREE_TRIES = 60.0


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory on a disk of 48 MiB of its own."""
    directory = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", directory], check=True)
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


@pytest.fixture(scope="module")
def house(disk: Path, scripted: ScriptedRegistry, make_house: MakeHouse) -> House:
    """(The scripted target is there first, so that it still answers when everything is checked in the end.)"""
    target = start_registry(disk / "registry")
    return make_house(target=target, REGISTRY_URL=target.url, REGISTRY_AUTH="none")


@pytest.fixture
def target(house: House) -> RegistryServer:
    assert house.target is not None
    return house.target


@contextmanager
def filled(disk: Path, *, leaving: int) -> Iterator[None]:
    """The disk has so many bytes left while this lasts."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        file.write(bytes(max(0, free - leaving)))
    try:
        yield
    finally:
        filler.unlink()


def test_a_target_that_is_down_is_waited_for(house: House, target: RegistryServer) -> None:
    house.image("down", [64 * KIB])
    house.project()
    target.running.stop()
    task = house.submit("down")
    row = house.until(task, lambda row: target.host in row.message, timeout=THREE_TRIES)
    assert "retrying" in row.message
    target.running.start()
    house.succeed(task, timeout=THREE_TRIES)


def test_a_target_restarted_in_the_middle_of_an_upload(house: House, target: RegistryServer) -> None:
    with house.caught_in_a_layer("restarted") as task:
        target.running.restart()
    house.succeed(task, timeout=THREE_TRIES)
    assert house.outcomes(task) == [(1, "success")]


def test_a_target_killed_in_the_middle_of_an_upload(house: House, target: RegistryServer) -> None:
    with house.caught_in_a_layer("killed") as task:
        target.running.kill()
        time.sleep(1)
        target.running.start()
    house.succeed(task, timeout=THREE_TRIES)


def test_a_target_that_hangs_is_a_stall_and_then_goes_on(house: House, target: RegistryServer) -> None:
    image = house.image("hangs", [12 * MIB])
    house.slow(image.blobs[1].digest, 6 * MIB)
    task = house.submit("hangs")
    house.until_moving(task, least=1 * MIB)
    target.running.signal(signal.SIGSTOP)
    try:
        row = house.until(task, lambda row: "retrying" in row.message, timeout=40)
        assert target.host in row.message
    finally:
        target.running.signal(signal.SIGCONT)
    house.succeed(task, timeout=THREE_TRIES)


def test_a_full_disk_fails_with_the_old_tag_standing(
    house: House, disk: Path, target: RegistryServer
) -> None:
    before = house.put_before("faults/full", "1", house.image("full/old", [64 * KIB]))
    house.image("full", [3 * MIB, 3 * MIB])
    house.project()
    with filled(disk, leaving=2 * MIB):
        task = house.submit("full")
        row = house.fail(task, "target_error", timeout=THREE_TRIES)
    assert "no space left" in row.error
    assert target.host in row.error
    assert house.verify("faults/full", "1") == before
    assert row.attempts == 3
    retried = house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/retry").json()
    house.accepted.append(retried["id"])
    house.succeed(retried["id"])


def test_a_layer_that_the_target_lost_is_brought_again(house: House, target: RegistryServer) -> None:
    """Garbage collection in the middle of an import: the target said that it had the layer."""
    with house.caught_in_a_layer("collected", first=64 * KIB) as task:
        target.blob_path(house.images["collected"].blobs[1].digest).unlink()
    house.succeed(task, timeout=THREE_TRIES)


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedRegistry]:
    """A target that answers as a test wants."""
    with ScriptedRegistry() as registry:
        yield registry


@pytest.fixture(scope="module")
def refused(disk: Path, scripted: ScriptedRegistry, make_house: MakeHouse) -> House:
    """A portal before the scripted target, with a password for it that is wrong.

    (The disk comes first here too: the houses' targets are looked at when all ends, in whatever order tests run.)
    """
    return make_house(
        target_url=scripted.url,
        REGISTRY_URL=scripted.url,
        REGISTRY_AUTH="basic",
        REGISTRY_USERNAME="portal",
        REGISTRY_PASSWORD="wrong-one",
        IMPORT_MAX_ATTEMPTS="1",
    )


@contextmanager
def answering(
    scripted: ScriptedRegistry, method: str, pattern: str, reply: Reply, times: int | None = None
) -> Iterator[None]:
    """The target answers so while this lasts."""
    rule = scripted.rule(method, pattern, reply, times=times)
    try:
        yield
    finally:
        scripted.rules.remove(rule)


def test_a_wrong_password_is_told_as_the_portals_own(refused: House, scripted: ScriptedRegistry) -> None:
    refused.image("sign/in", [64 * KIB])
    with answering(scripted, "", "/v2/", unauthorized('Basic realm="target"')):
        row = refused.fail(refused.submit("sign/in"), "target_error")
    assert "Signing in to the target registry" in row.error
    assert scripted.server_name in row.error
    assert "wrong-one" not in row.error + refused.portal.output()
    assert row.attempts == 1, "another try would be refused, too"


def test_too_large_is_final_and_says_where_the_limit_may_be(
    refused: House, scripted: ScriptedRegistry
) -> None:
    refused.image("large", [64 * KIB])
    with answering(scripted, "PUT", "/faults/large/blobs/uploads/", refuse(413, "SIZE_INVALID")):
        row = refused.fail(refused.submit("large"), "target_error")
    assert "too large (status 413)" in row.error
    assert row.attempts == 1


def test_a_5xx_after_the_bytes_is_tried_again(refused: House, scripted: ScriptedRegistry) -> None:
    refused.image("flaky", [64 * KIB])
    with (
        answering(scripted, "PUT", "/faults/flaky/blobs/uploads/", refuse(502, "UNAVAILABLE"), 2),
        answering(scripted, "PUT", "/faults/flaky/manifests/", refuse(500, "UNKNOWN"), 2),
    ):
        refused.succeed(refused.submit("flaky"), timeout=THREE_TRIES)


def test_a_target_that_always_fails_ends_the_import_after_all_tries(
    refused: House, scripted: ScriptedRegistry
) -> None:
    refused.image("dead", [64 * KIB])
    with answering(
        scripted, "PUT", "/faults/dead/manifests/", refuse(500, "UNKNOWN", "the target is on fire")
    ):
        row = refused.fail(refused.submit("dead"), "target_error", timeout=150)
    assert "500" in row.error and "on fire" in row.error
    assert "1" not in scripted.repository("faults/dead").manifests
