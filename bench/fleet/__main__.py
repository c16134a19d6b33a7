"""``python -m bench.fleet [--running 10 50 200] [--seconds 60]``: numbers for docs/scaling.md.

A PostgreSQL of its own (with fsync) is filled with imports that wait. Then, for each size of the fleet: what one claim,
one half-second of a running import, one end and one poll cost, one after the other, in processor time of the server and
of the client; and the whole fleet at once, in threads of a few processes, for so many seconds of the clock. Processor
time holds on a busy machine, the clock's doesn't.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.fleet.costs import server_seconds
from testbed.services import PostgresServer, start_postgres


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument(
        "--running", type=int, nargs="+", default=[10, 50, 200], help="imports that run at once"
    )
    parser.add_argument(
        "--pending", type=int, default=4000, help="imports that wait at first, for all of this"
    )
    parser.add_argument("--seconds", type=int, default=60, help="how long each fleet works")
    parser.add_argument(
        "--pages", type=int, default=50, help="open pages, each of which polls every two seconds"
    )
    parser.add_argument("--phase", help="(used by itself) prepare, costs or fleet")
    options = parser.parse_args()
    if options.phase:
        _phase(options)
        return
    with tempfile.TemporaryDirectory(prefix="portal-fleet-") as directory:
        settings = {"fsync": "on", "max_connections": str(3 * max(options.running) + 100)}
        server = start_postgres(Path(directory) / "postgres", settings=settings)
        try:
            _call("prepare", max(options.running), options, server, directory)
            for running in options.running:
                _table(
                    f"{running} running, one after the other",
                    _call("costs", running, options, server, directory),
                )
            for running in options.running:
                before = server_seconds(server.running.pid)
                found = _call("fleet", running, options, server, directory)
                found["PostgreSQL, processors"] = (server_seconds(server.running.pid) - before) / found[
                    "seconds"
                ]
                _table(f"{running} running at once, {options.pages} pages", found)
        finally:
            server.running.stop()


def _call(
    phase: str, running: int, options: argparse.Namespace, server: PostgresServer, directory: str
) -> dict[str, Any]:
    """A phase in a process of its own, since the limits are settings; what it found."""
    most = str(running)
    env = os.environ | {
        "DATABASE_URL": server.url(), "PORTAL_DATA_DIR": directory, "PORTAL_DOTENV": "",
        "DJANGO_SETTINGS_MODULE": "registry_portal.settings", "REDIS_URL": "redis://127.0.0.1:1/0",
        "IMPORT_MAX_RUNNING": most, "IMPORT_MAX_RUNNING_PER_PROJECT": most, "IMPORT_MAX_RUNNING_PER_USER": most,
    }  # fmt: skip
    command = [sys.executable, "-m", "bench.fleet", "--phase", phase, "--running", most]
    command += ["--seconds", str(options.seconds), "--pages", str(options.pages)]
    command += ["--pending", str(options.pending)]
    log_file = Path(directory) / "phase.log"
    with log_file.open("wb") as log:
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=log, check=False)
    if done.returncode:
        raise SystemExit(f"{phase}: {log_file.read_text(encoding='utf-8')[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _phase(options: argparse.Namespace) -> None:
    import django

    django.setup()
    from bench.fleet import costs, driving

    (running,) = options.running
    if options.phase == "prepare":
        found = driving.prepare(options.pending)
    elif options.phase == "costs":
        found = costs.measure(running)
    else:
        found = driving.drive(running, options.seconds, options.pages)
    print(json.dumps(found))


def _table(title: str, found: dict[str, Any]) -> None:
    print(f"\n{title}\n")
    for name, value in found.items():
        print(f"  {name:<44} {value if isinstance(value, str) else f'{value:.2f}'}", flush=True)


if __name__ == "__main__":
    main()
