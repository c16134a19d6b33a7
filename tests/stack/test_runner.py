"""`make run`: one data directory, its services, their death, their end."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import requests

from testbed.portal import PortalProcess, parent_of
from tests.stack.ending import gone

MakePortal = Callable[..., PortalProcess]
WORKER = "celery --quiet -A registry_portal worker"
SERVICES = ("redis-server", "docker-registry", "nginx: master", "gunicorn", WORKER, "registry_portal beat")


@pytest.fixture
def up(portal: PortalProcess) -> PortalProcess:
    return portal


def test_everything_is_up_and_says_where(up: PortalProcess) -> None:
    assert requests.get(f"{up.url}/healthz", timeout=60).status_code == 200
    assert redis.Redis.from_url(up.services["redis_url"]).ping()
    assert requests.get(f"{up.services['registry_url']}/v2/", timeout=60).status_code == 401
    for name in SERVICES:
        assert up.main_pid(name)
    said = up.output()
    assert f"{up.url}/" in said
    assert "admin" in said


def test_the_registry_points_to_the_portals_token_service(up: PortalProcess) -> None:
    challenge = requests.get(f"{up.services['registry_url']}/v2/", timeout=60).headers["WWW-Authenticate"]
    assert f'realm="{up.url}/service/token"' in challenge


def test_no_secret_is_readable_by_others_or_seen_in_a_process(up: PortalProcess) -> None:
    secrets = {path.name: path.read_text().strip() for path in (up.data_dir / "secrets").iterdir()}
    assert {"secret_key", "cryptography_keys", "token_service.key", "notification_token"} <= set(secrets)
    for path in [*(up.data_dir / "secrets").iterdir(), up.data_dir / "services.json"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((up.data_dir / "secrets").stat().st_mode) == 0o700
    for pid in up.pids():
        for name in ("environ", "cmdline"):
            shown = Path(f"/proc/{pid}/{name}").read_bytes().decode("utf-8", "replace")
            assert [key for key, value in secrets.items() if value in shown] == []


def test_pieces_started_one_by_one_find_the_running_services(up: PortalProcess) -> None:
    shown = up.manage(
        "shell", "-v0", "-c", "from django.conf import settings as s; print(s.REDIS_URL, s.REGISTRY_URL)"
    )
    assert shown.stdout.split() == [up.services["redis_url"], up.services["registry_url"]], shown.stderr


def test_only_loopback_is_listened_on(up: PortalProcess) -> None:
    ports = {
        int(address.rpartition(":")[2].split("/")[0]) for address in up.services.values() if ":" in address
    }
    for address in _own_addresses():
        for port in ports:
            with socket.socket() as probe:
                probe.settimeout(1)
                assert probe.connect_ex((address, port)) != 0, f"{address}:{port} answers"


def _own_addresses() -> list[str]:
    listed = subprocess.run(
        ["ip", "-json", "-4", "address"], check=True, capture_output=True, text=True
    ).stdout
    found = [entry["local"] for link in json.loads(listed) for entry in link["addr_info"]]
    return [address for address in found if not address.startswith("127.")]


def test_what_dies_is_started_again_and_a_kill_leaves_nothing(make_portal: MakePortal) -> None:
    portal = make_portal()
    for name in SERVICES:
        before = portal.main_pid(name)
        os.kill(before, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while not [pid for pid in mains(portal, name) if pid != before]:
            assert time.monotonic() < deadline, f"{name} is not started again"
            time.sleep(0.1)
    # The socket outlives the process that answers on it: a request waits, and is not refused.
    assert requests.get(f"{portal.url}/healthz", timeout=60).status_code == 200
    assert redis.Redis.from_url(portal.services["redis_url"]).ping()
    pids = portal.pids()
    assert portal.process is not None
    portal.process.kill()
    portal.process.wait()
    assert gone(pids) == {}


def mains(portal: PortalProcess, name: str) -> list[int]:
    assert portal.process is not None
    return [pid for pid in portal.pids(name) if parent_of(pid) == portal.process.pid]


def test_signals_stop_everything_and_the_next_run_goes_on(make_portal: MakePortal) -> None:
    portal = make_portal()
    first, project = portal.services, portal.project("kept")
    pids = portal.pids()
    assert len(pids) >= len(SERVICES)
    assert portal.stop(signal.SIGINT) == 0
    assert gone(pids, seconds=2) == {}
    assert not (portal.data_dir / "services.json").exists()

    portal.start()
    assert portal.services["registry_url"] == first["registry_url"]
    assert portal.registry_host == first["registry_public_host"]
    assert portal.project("kept") == project
    assert "as before" in portal.output()
    pids = portal.pids()
    assert portal.stop(signal.SIGTERM) == 0
    assert gone(pids, seconds=2) == {}


@pytest.mark.parametrize("moment", ["redis-server", "manage.py bootstrap", "gunicorn"])
def test_a_signal_during_the_start_stops_everything(make_portal: MakePortal, moment: str) -> None:
    portal = make_portal(start=False)
    portal.launch()
    deadline = time.monotonic() + 60
    while not portal.pids(moment):
        assert time.monotonic() < deadline, portal.output()
        time.sleep(0.02)
    pids = portal.pids()
    assert portal.stop() == 0
    assert gone(pids, seconds=2) == {}


def test_several_run_side_by_side_and_ctrl_c_in_the_terminal_stops_one(
    make_portal: MakePortal, up: PortalProcess
) -> None:
    other = make_portal(command=["make", "run"])
    # What is empty stands for what there is none of.
    assert {*filter(None, other.services.values())}.isdisjoint(up.services.values())
    pids = other.pids()
    other.interrupt()
    assert gone(pids, seconds=5) == {}
    assert requests.get(f"{up.url}/healthz", timeout=60).status_code == 200
