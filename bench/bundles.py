"""Images as files, against ``skopeo copy --all`` to and from ``oci-archive:``.

    python -m bench.bundles [--mib 1024] [--rounds 3]

Out: a bundle's file by ``curl``, as its page says. In: the same file by the client's ``portal bundle import --wait``:
start of the program, upload over HTTP, and import. skopeo reads the file where it lies: it unpacks it into a temporary
folder, and copies from there. So the parts are compared as well: the way to the import with unpacking by ``tar``, and
the import with skopeo's copy from an unpacked layout (``oci:``).

Rows: the medians and their ratio. How much the web and the worker processes grow, and the most that the data directory
grew, is of one run before the timed ones: to look costs processor time. The rivals take turns; the target is emptied
before each run inwards.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.memory import Peak, Watch
from bench.world import World
from testbed.images import random_image

MIB: Final = 1024 * 1024
LAYERS: Final = 8
ROOT: Final = Path(__file__).resolve().parents[1]
HEAD: Final = (
    "| {mib} MiB | portal, s | skopeo, s | speed ÷ skopeo's | web grew, MiB | worker grew, MiB | data grew, MiB |\n"
    "|---|---|---|---|---|---|---|"
)


class Growth(Watch):
    """The most that a directory grew inside the block, in MiB of its disk's blocks."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._first = self._most = _used(directory)

    @property
    def grown_mib(self) -> float:
        return (self._most - self._first) / MIB

    def look(self) -> None:
        self._most = max(self._most, _used(self._directory))


def _used(directory: Path) -> int:
    found = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                found += os.lstat(Path(folder) / name).st_blocks * 512
            except FileNotFoundError:
                continue  # It was renamed or deleted meanwhile.
    return found


class Row:
    """Seconds of every run, and what grew."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.portal: list[float] = []
        self.skopeo: list[float] = []
        self.grown = "| |"

    @contextmanager
    def watched(self, world: World) -> Iterator[None]:
        """A run that is not timed."""
        portal = world.portal
        with Peak(portal, "gunicorn") as web, Peak(portal) as worker, Growth(portal.data_dir) as disk:
            yield
        self.grown = f"{web.grown_mib:.1f} | {worker.grown_mib:.1f} | {disk.grown_mib:.0f}"

    @contextmanager
    def timed(self, seconds: list[float]) -> Iterator[None]:
        began = time.monotonic()
        yield
        seconds.append(time.monotonic() - began)

    def __str__(self) -> str:
        own, others = statistics.median(self.portal), statistics.median(self.skopeo)
        return f"| {self.name} | {own:.2f} | {others:.2f} | {others / own:.2f} | {self.grown} |"


def skopeo(source: str, target: str) -> None:
    """It remembers nothing of earlier runs."""
    options = ["--quiet", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"]
    subprocess.run(["env", "HOME=/nonexistent", "skopeo", "copy", *options, source, target], check=True)


def out(world: World, folder: Path, made: dict[str, Any], rounds: int) -> Row:
    """From the registry into a file."""
    row = Row("out")
    goal, theirs = folder / "bundle.tar", folder / "theirs.tar"

    def download() -> None:
        goal.unlink(missing_ok=True)
        token = f"Authorization: Bearer {world.portal.token}"
        subprocess.run(["curl", "-sSf", "-o", goal, "-H", token, made["volumes"][0]["url"]], check=True)
        assert goal.stat().st_size == made["size"]

    with row.watched(world):
        download()
    for _ in range(rounds):
        with row.timed(row.portal):
            download()
        theirs.unlink(missing_ok=True)
        with row.timed(row.skopeo):
            skopeo(f"docker://{world.target.host}/bench/out:1", f"oci-archive:{theirs}:1")
    return row


def into(world: World, folder: Path, project: str, rounds: int) -> list[Row]:
    """From the file into the registry: the whole, and its parts."""
    whole, sent, imported = Row("in"), Row("in: up to the import"), Row("in: the import")
    theirs, unpacked = folder / "theirs.tar", folder / "unpacked"

    with whole.watched(world):
        _bring(world, folder)
    for _ in range(rounds):
        world.empty_target()
        began = dt.datetime.now(dt.UTC)
        with whole.timed(whole.portal):
            _bring(world, folder)
        started, ended = _last_batch(world, project)
        sent.portal.append((started - began).total_seconds())
        imported.portal.append((ended - started).total_seconds())
        world.empty_target()
        with whole.timed(whole.skopeo):
            skopeo(f"oci-archive:{theirs}:1", f"docker://{world.target.host}/rival/in:1")
        world.empty_target()
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        with sent.timed(sent.skopeo):
            subprocess.run(["tar", "-xf", theirs, "-C", unpacked], check=True)
        with imported.timed(imported.skopeo):
            skopeo(f"oci:{unpacked}:1", f"docker://{world.target.host}/rival/in:1")
    return [whole, sent, imported]


def _bring(world: World, folder: Path) -> None:
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "client"),
        "PORTAL_URL": world.portal.url,
        "PORTAL_TOKEN": world.portal.token,
        "HOME": str(folder),
        # As where it is installed: its modules are compiled once, not at each start.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    command = [sys.executable, "-m", "portal_client", "bundle", "import", "--wait", "-p", "bench"]
    subprocess.run([*command, folder / "bundle.tar"], env=env, check=True, stdout=subprocess.DEVNULL)


def _last_batch(world: World, project: str) -> tuple[dt.datetime, dt.datetime]:
    """When the last import from a file began and ended, by the portal's clock."""
    answer = world.portal.call("GET", f"/projects/{project}/images/import/batches?page_size=1")
    (batch,) = answer.json()["results"]
    return dt.datetime.fromisoformat(batch["created_at"]), dt.datetime.fromisoformat(batch["completed_at"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mib", type=int, default=1024, help="size of the image")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portal-bundles-"))
    try:
        with World(engine=False) as world:
            world.push("out", "1", random_image([options.mib * MIB // LAYERS] * LAYERS, seed=17))
            project = world.portal.project("bench")
            world.portal.run_import(project, f"{world.source.host}/out:1", target_name="out", timeout=300)
            made = world.portal.call("POST", f"/projects/{project}/bundles", {"images": ["out:1"]}).json()
            print(HEAD.format(mib=options.mib))
            print(out(world, folder, made, options.rounds), flush=True)
            assert world.portal.call("DELETE", f"/projects/{project}/bundles/{made['id']}").status_code == 204
            for row in into(world, folder, project, options.rounds):
                print(row)
        print(f"\nload: {', '.join(f'{each:.1f}' for each in os.getloadavg())}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
