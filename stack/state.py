"""What a data directory remembers of its runs: who holds it, on which ports, where its services answer."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stack.services.redis_server import write_private

SERVICES = "services.json"
PORTS = "ports.json"
SAMPLE_DONE = "sample-imported"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class AlreadyRunning(Exception):
    """Another run holds this data directory; the text says which."""


@contextlib.contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Be the only run of this data directory. The kernel lets go of it when the process ends, however it ends.

    :raises AlreadyRunning: another one is up.
    :raises PermissionError: others can reach into it, and it is not ours to close.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    close_to_others(data_dir)
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


def close_to_others(data_dir: Path) -> None:
    """Make a directory that was there before, and the database in it, the operator's alone.

    What others share (``/tmp``, someone else's directory) is no place for secrets and is left as it is.

    :raises PermissionError: it is such a place.
    """
    about = data_dir.stat()
    if about.st_mode & _OTHERS:
        if about.st_uid != os.geteuid() or about.st_mode & stat.S_ISVTX:
            raise PermissionError(
                f"Others on this machine can reach into {data_dir}, which is not the portal's own. Choose another "
                "directory: PORTAL_DATA_DIR=… make run"
            )
        data_dir.chmod(stat.S_IMODE(about.st_mode) & ~_OTHERS)
    for path in data_dir.glob("portal.sqlite3*"):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)


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
