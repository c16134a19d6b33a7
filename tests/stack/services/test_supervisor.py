"""Services are kept up, started again when they die, and leave nothing behind."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stack.output import Console
from stack.services.spec import ServiceSpec, Stopping
from stack.services.supervisor import ServiceFailed, Supervisor
from testbed.portal import alive


def sh(name: str, script: str, **options: object) -> ServiceSpec:
    return ServiceSpec(name=name, argv=["/bin/sh", "-c", script], **options)  # type: ignore[arg-type]


def supervised(act: Callable[[Supervisor], Awaitable[None]]) -> str:
    """Run ``act`` with a supervisor and stop all; what was printed."""
    printed = io.StringIO()

    async def main() -> None:
        supervisor = Supervisor(Console(printed))
        try:
            await act(supervisor)
        finally:
            await supervisor.stop()

    # On a thread of its own: a browser's fixture keeps a loop running in this one for the rest of the session.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(main())).result()
    return printed.getvalue()


async def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        await asyncio.sleep(0.05)


def test_output_says_whose_it_is() -> None:
    async def act(supervisor: Supervisor) -> None:
        service = supervisor.add(sh("talker", "echo one; echo two >&2; sleep 60"))
        await until(lambda: len(service.last_lines) == 2)

    assert re.findall(r"^talker +\| (\w+)$", supervised(act), re.MULTILINE) == ["one", "two"]


def test_a_service_that_dies_is_started_again(tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    async def act(supervisor: Supervisor) -> None:
        supervisor.add(sh("mortal", f"echo $$ >> {marks}; exec sleep 60"))
        await until(lambda: marks.exists() and len(marks.read_text().split()) == 1)
        os.kill(int(marks.read_text()), signal.SIGKILL)
        await until(lambda: len(marks.read_text().split()) == 2, seconds=3)

    assert "ended (by SIGKILL), starts again" in supervised(act)


def test_a_service_that_cannot_start_is_reported_with_its_last_words() -> None:
    async def act(supervisor: Supervisor) -> None:
        with pytest.raises(ServiceFailed, match="no such luck"):
            await supervisor.up(sh("hopeless", "echo no such luck; exit 3", ready=lambda: False), timeout=20)
        assert supervisor.services == []

    supervised(act)


def test_a_program_that_is_missing_is_reported() -> None:
    async def act(supervisor: Supervisor) -> None:
        with pytest.raises(ServiceFailed, match="ghost"):
            await supervisor.up(
                ServiceSpec(name="ghost", argv=["/nowhere/ghost"], ready=lambda: True), timeout=20
            )

    supervised(act)


def test_stopping_takes_grandchildren_along_and_those_that_refuse(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $! >> {pids}; echo $$ >> {pids}; while :; do wait; done"

    async def act(supervisor: Supervisor) -> None:
        supervisor.add(sh("stubborn", script, stopping=Stopping(seconds=0.5)))
        await until(lambda: pids.exists() and len(pids.read_text().split()) == 2)

    said = supervised(act)
    assert "still up after" in said
    assert [pid for pid in pids.read_text().split() if alive(int(pid))] == []


def test_what_a_dead_service_left_behind_is_gone_before_it_starts_again(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    async def act(supervisor: Supervisor) -> None:
        supervisor.add(sh("parent", f"sleep 60 & echo $! >> {pids}; exit 1"))
        await until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        assert not alive(int(pids.read_text().split()[0]))

    supervised(act)


def test_deaths_in_a_row_are_not_all_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.services.supervisor.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("stack.services.supervisor.LAST_PAUSE", 0.02)

    async def act(supervisor: Supervisor) -> None:
        service = supervisor.add(sh("flapping", "exit 1"))
        await until(lambda: service.deaths >= 20)

    assert 6 <= supervised(act).count("starts again") <= 8


def test_an_endless_line_does_not_fill_the_memory() -> None:
    async def act(supervisor: Supervisor) -> None:
        service = supervisor.add(
            sh("babbler", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo done; sleep 60")
        )
        await until(lambda: "done" in service.last_lines)

    assert len(supervised(act)) < 1_000_000


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
