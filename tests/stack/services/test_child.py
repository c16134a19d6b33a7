"""What a service leaves behind is gone with it, and it goes with its supervisor."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack.services.supervisor import Supervisor
from testbed.portal import alive
from tests.stack.services.supervising import sh, supervised, until


def test_what_a_dead_service_left_behind_is_gone_before_it_starts_again(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    async def act(supervisor: Supervisor) -> None:
        supervisor.add(sh("parent", f"sleep 60 & echo $! >> {pids}; exit 1"))
        await until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        assert not alive(int(pids.read_text().split()[0]))

    supervised(act)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_supervisor_takes_its_services_along(tmp_path: Path, death: signal.Signals) -> None:
    code = (
        "import asyncio\n"
        "from stack.output import Console\nfrom stack.services.spec import ServiceSpec\n"
        "from stack.services.supervisor import Supervisor\n"
        "async def main():\n"
        "    Supervisor(Console()).add(ServiceSpec(name='child', argv=['/bin/sh', '-c', 'echo $$; exec sleep 60']))\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    child = int(runner.stdout.readline().split("|")[1])
    assert alive(child)
    runner.send_signal(death)
    runner.wait()
    runner.stdout.close()
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)
