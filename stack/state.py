"""What a data directory remembers of its runs: who holds it, on which ports, where its services answer."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stack.redis_server import write_private

SERVICES = "services.json"
PORTS = "ports.json"
SAMPLE_DONE = "sample-imported"


class AlreadyRunning(Exception):
    """Another run holds this data directory; the text says which."""


@contextlib.contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Be the only run of this data directory. The kernel lets go of it when the process ends, however it ends.

    :raises AlreadyRunning: another one is up.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            where = read_services(data_dir).get("web_url", "")
            raise AlreadyRunning(
                f"A portal with the data directory {data_dir} is up already (process {pid or 'unknown'}"
                f"{f', {where}' if where else ''}). Stop it, or choose another directory: PORTAL_DATA_DIR=… make run"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


def read_services(data_dir: Path) -> dict[str, Any]:
    """Addresses of the run that is up; empty if none is."""
    return _read(data_dir / SERVICES)


def write_services(data_dir: Path, addresses: Mapping[str, str]) -> None:
    """Tell every process of this data directory where the embedded services answer."""
    write_private(data_dir / SERVICES, json.dumps(dict(addresses), indent=2) + "\n")


def forget_services(data_dir: Path) -> None:
    """The services are down."""
    (data_dir / SERVICES).unlink(missing_ok=True)


def read_ports(data_dir: Path) -> dict[str, int]:
    """Ports of the last run: taken again where they are free, so that names of images stay the same."""
    return {name: port for name, port in _read(data_dir / PORTS).items() if isinstance(port, int)}


def write_ports(data_dir: Path, ports: Mapping[str, int]) -> None:
    """Remember the ports of this run."""
    write_private(data_dir / PORTS, json.dumps(dict(ports)) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
