"""Bundles on lines and servers that break: ``python -m bench.bundle_cuts [--mib 64] [--cuts 20] [--seed 1]``.

Out: the web process is killed at random bytes, and ``curl -C -`` goes on; the file is the same as that of a download
that nothing disturbed. In: the client's upload is cut at random bytes; what is sent in all is at most the file and one
piece for each cut.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import urlsplit

import requests

from bench.world import World
from testbed.images import random_image
from testbed.portal import parent_of
from testbed.tcp_proxy import TcpProxy

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "client"))
MIB: Final = 1024 * 1024
LAYERS: Final = 8
#: The head of a request.
HEAD_BYTES: Final = 2000


def out(world: World, folder: Path, made: dict[str, Any], cuts: int, chance: random.Random) -> None:
    """Prints how often the server was killed, and raises where the file differs."""
    whole, broken, killed = folder / "whole.tar", folder / "broken.tar", 0
    subprocess.run(_curl(world, made, whole), check=True)
    while size_of(broken) < made["size"]:
        # Slow while there is something left to interrupt.
        options = ["--limit-rate", "2M"] if killed < cuts else []
        until = size_of(broken) + chance.randrange(1, made["size"] // cuts)
        running = subprocess.Popen(_curl(world, made, broken, *options), stderr=subprocess.DEVNULL)
        while running.poll() is None and (killed == cuts or size_of(broken) < until):
            time.sleep(0.005)
        if running.poll() is None and killed < cuts:
            os.kill(_web_worker(world), signal.SIGKILL)
            killed += 1
        running.wait(120)
        _until_it_answers(world, made)
    same = _sha256(whole) == _sha256(broken)
    print(
        f"out: killed {killed} times, {made['size']} bytes, sha256 {'equal' if same else 'DIFFERS'}",
        flush=True,
    )
    assert same and killed >= cuts


def into(world: World, project: str, file: Path, cuts: int, chance: random.Random) -> None:
    """Prints how many bytes were sent, and raises where they are too many."""
    from portal_client import transfers
    from portal_client.api import Api

    where, size = urlsplit(world.portal.url), file.stat().st_size
    reached, cuts_left = [0], cuts

    with TcpProxy((where.hostname or "", where.port or 80)) as line:

        def cut_again(_seconds: float = 0.0) -> None:
            """Instead of the pause before the next try."""
            nonlocal cuts_left
            if cuts_left:
                cuts_left -= 1
                line.cut_after(chance.randrange(1, size // cuts), direction="up")

        cut_again()
        pauses = SimpleNamespace(monotonic=time.monotonic, sleep=cut_again)
        with (
            patch.object(transfers, "time", pauses),
            Api(f"http://{line.address}", world.portal.token) as api,
        ):
            made = transfers.upload(api, project, file, reached.append)
        sent = line.counters.up
    longest = max(after - before for before, after in pairwise(reached))
    most = size + cuts * longest + (len(reached) + 3 * cuts) * HEAD_BYTES
    print(
        f"in: cut {cuts - cuts_left} times, {size} bytes, sent {sent} (at most {most}), longest piece {longest}"
    )
    assert sent <= most and not cuts_left
    answer = world.portal.call("POST", f"/projects/{project}/bundles/import", {"uploads": [made]})
    ended = world.portal.wait(project, answer.json()["tasks"][0]["id"], timeout=300)
    print(f"in: {ended['status']} {ended['digest']}")
    assert ended["status"] == "success"


def _curl(world: World, made: dict[str, Any], target: Path, *options: str) -> list[str]:
    token = f"Authorization: Bearer {world.portal.token}"
    return [
        "curl",
        "-sS",
        "-f",
        "-C",
        "-",
        *options,
        "-o",
        str(target),
        "-H",
        token,
        made["volumes"][0]["url"],
    ]


def _web_worker(world: World) -> int:
    master = world.portal.main_pid("gunicorn")
    return next(pid for pid in world.portal.pids("gunicorn") if parent_of(pid) == master)


def _until_it_answers(world: World, made: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {world.portal.token}", "Range": "bytes=0-9"}
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if requests.get(made["volumes"][0]["url"], headers=headers, timeout=30).status_code == 206:
                return
        except requests.ConnectionError:
            pass  # It restarts.
        time.sleep(0.1)
    raise AssertionError("the portal does not come back")


def size_of(file: Path) -> int:
    """Bytes of a file; 0 where it is not there."""
    return file.stat().st_size if file.exists() else 0


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mib", type=int, default=64, help="size of the image")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="portal-cuts-") as name, World(engine=False) as world:
        world.push("out", "1", random_image([options.mib * MIB // LAYERS] * LAYERS, seed=17))
        project = world.portal.project("bench")
        world.portal.run_import(project, f"{world.source.host}/out:1", target_name="out", timeout=300)
        made = world.portal.call("POST", f"/projects/{project}/bundles", {"images": ["out:1"]}).json()
        out(world, Path(name), made, options.cuts, chance)
        assert world.portal.call("DELETE", f"/projects/{project}/bundles/{made['id']}").status_code == 204
        world.empty_target()
        into(world, project, Path(name) / "whole.tar", options.cuts, chance)


if __name__ == "__main__":
    main()
