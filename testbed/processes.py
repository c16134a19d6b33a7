"""Real services for tests: started from the same specifications as the product's, stopped by their own process id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.services.spec import ServiceSpec
from stack.services.supervisor import kill_group


class Running:
    """One process of a service. Use it as a context manager, or call `start` and `stop`."""

    def __init__(self, spec: ServiceSpec, log: Path) -> None:
        self.spec = spec
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout: float = 30.0) -> Self:
        """Start it and wait until it answers; what it says goes to its log file."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.spec.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.spec.surroundings.environment(),
                cwd=self.spec.surroundings.cwd,
                start_new_session=True,
                pass_fds=tuple(self.spec.surroundings.pass_fds),
            )
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            if self.spec.ready():
                return self
            if time.monotonic() > deadline:
                self.kill()
                break
            time.sleep(0.05)
        raise AssertionError(f"{self.spec.name} does not start:\n{self.output()[-4000:]}")

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid

    def output(self) -> str:
        """All that it said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Ask it to stop; kill it when it does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.spec.stopping.by)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.spec.stopping.seconds)
        self.kill()

    def kill(self) -> None:
        """Kill it at once, with whatever it started."""
        if self.process is None:
            return
        kill_group(self.process.pid)
        self.process.wait()
        self.process = None

    def restart(self) -> None:
        """Stop it and start it again on the same data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self.start() if self.process is None else self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
