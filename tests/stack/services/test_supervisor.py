"""Services are kept up, started again when they die, and leave nothing behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from stack.services.spec import ServiceSpec, Stopping
from stack.services.supervisor import ServiceFailed, Supervisor
from testbed.portal import alive
from tests.stack.services.supervising import sh, supervised, until


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


def test_deaths_in_a_row_are_not_all_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.services.supervisor.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("stack.services.supervisor.LAST_PAUSE", 0.02)

    async def act(supervisor: Supervisor) -> None:
        service = supervisor.add(sh("flapping", "exit 1"))
        await until(lambda: service.deaths >= 20)

    assert 6 <= supervised(act).count("starts again") <= 8
