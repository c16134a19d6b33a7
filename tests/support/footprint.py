"""What processes and a registry hold on to: memory, descriptors, connections, temporary files, upload sessions."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
_TEMPORARY = str(Path(tempfile.gettempdir()) / tempfile.gettempprefix())


@dataclass(frozen=True, slots=True)
class Footprint:
    """Sums over some processes. ``memory`` is resident, in bytes."""

    processes: int
    memory: int
    descriptors: int
    sockets: int
    threads: int
    temporary: int


def footprint(pids: Iterable[int]) -> Footprint:
    """Of processes that live; what has ended meanwhile holds nothing."""
    processes = memory = descriptors = sockets = threads = temporary = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            base = Path(f"/proc/{pid}")
            memory += int((base / "statm").read_text(encoding="ascii").split()[1]) * PAGE
            threads += sum(1 for _ in (base / "task").iterdir())
            open_files = [_target(link) for link in (base / "fd").iterdir()]
            descriptors += len(open_files)
            sockets += sum(name.startswith("socket:") for name in open_files)
            temporary += sum(name.startswith(_TEMPORARY) for name in open_files)
            processes += 1
    return Footprint(processes, memory, descriptors, sockets, threads, temporary)


def upload_sessions(registry: Path) -> list[str]:
    """Upload sessions that hold bytes in the directory of a Distribution registry, as ``repository/session``.

    An empty shell stays of every session that was deleted, until Distribution's own purge.
    """
    root = registry / "data/docker/registry/v2/repositories"
    return sorted(
        f"{uploads.parent.relative_to(root)}/{session.name}"
        for uploads in root.glob("**/_uploads")
        for session in uploads.iterdir()
        if (session / "data").exists()
    )


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
