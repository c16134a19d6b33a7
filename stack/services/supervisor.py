"""Keeps services up: starts them, starts them again when they die, stops them all.

Why not the supervisor package: it gives up on a program after a few quick deaths, knows no readiness, writes output
without saying whose it is, and leaves every child behind when it is killed itself. This is the small part needed here.

Each service leads its own session, so that a Ctrl-C in the terminal reaches only the runner, and so that stopping
a service can reach whatever it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence

from stack.output import Console
from stack.services.child import Child, finish
from stack.services.spec import ServiceSpec

#: Pause before a dead service is started again: doubled each time from the first to the last, in seconds.
FIRST_PAUSE = 0.5
LAST_PAUSE = 8.0
#: A service that has been up this long has recovered: its next death counts as the first again. Seconds.
SETTLED = 30.0
#: Deaths in a row that are reported one by one; after that every tenth.
LOUD_DEATHS = 5
#: Pause between two questions whether a service is ready. Seconds.
READY_POLL = 0.2


class ServiceFailed(Exception):
    """A service did not become ready; the text says which, and what it said last."""


class Service:
    """One supervised service. `keep` runs it until `stop`."""

    def __init__(self, spec: ServiceSpec, console: Console) -> None:
        self.spec = spec
        self.child: Child | None = None
        self.deaths = 0
        self.last_lines: list[str] = []
        self._console = console
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep it up."""
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")

    async def wait_ready(self, *, timeout: float, deaths_allowed: int) -> None:
        """Return once it answers.

        :raises ServiceFailed: it died more often than allowed, or ``timeout`` seconds passed.
        """
        deadline = time.monotonic() + timeout
        while True:
            if self.child is not None and self.child.alive and await asyncio.to_thread(self.spec.ready):
                return
            last_lines = "\n".join(self.last_lines[-8:])
            if self.deaths > deaths_allowed:
                raise ServiceFailed(f"{self.spec.name} does not start. It said:\n{last_lines}")
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{self.spec.name} does not answer after {timeout:.0f} s. It said:\n{last_lines}"
                )
            await asyncio.sleep(READY_POLL)

    async def stop(self) -> None:
        """Ask it to stop, wait as long as its spec grants, then kill what is left of its process group."""
        self._stopping.set()
        child = self.child
        if child is not None and child.alive:
            child.signal(self.spec.stopping.by)
            try:
                await asyncio.wait_for(child.exited(), self.spec.stopping.seconds)
            except TimeoutError:
                self._console.say(
                    self.spec.name, f"still up after {self.spec.stopping.seconds:.0f} s: killed"
                )
        if child is not None:
            kill_group(child.pid)
        if self._task is not None:
            await self._task

    def kill(self) -> None:
        """Kill it at once, with its process group."""
        self._stopping.set()
        if self.child is not None:
            kill_group(self.child.pid)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > SETTLED:
                pause, self.deaths = FIRST_PAUSE, 0
            self.deaths += 1
            if self.deaths <= LOUD_DEATHS or self.deaths % 10 == 0:
                text = f"ended ({describe_exit(code)}), starts again in {pause:.1f} s"
                self._console.say(
                    self.spec.name, text if self.deaths == 1 else f"{text} (time {self.deaths} in a row)"
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, LAST_PAUSE)

    async def _run_once(self) -> int:
        try:
            child = self.child = Child(self.spec)
        except OSError as exc:
            self.last_lines = [str(exc)]
            return 127
        reading = asyncio.create_task(child.read_lines(self._hear))
        code = await child.exited()
        # What it left behind would hold its ports and its pipe.
        kill_group(child.pid)
        await finish(reading)
        return code

    def _hear(self, line: str) -> None:
        if line:
            self.last_lines = [*self.last_lines[-19:], line]
            if self.spec.noise is None or not self.spec.noise.search(line):
                self._console.say(self.spec.name, line)


class Supervisor:
    """All services of one run, in the order in which they were started."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.services: list[Service] = []

    def add(self, spec: ServiceSpec) -> Service:
        """Start to keep this service up."""
        service = Service(spec, self.console)
        self.services.append(service)
        service.start()
        return service

    async def up(self, spec: ServiceSpec, *, timeout: float = 60.0, deaths_allowed: int = 2) -> Service:
        """Start a service and wait until it answers.

        :raises ServiceFailed: it does not; it is stopped again.
        """
        service = self.add(spec)
        try:
            await service.wait_ready(timeout=timeout, deaths_allowed=deaths_allowed)
        except ServiceFailed:
            await self.stop([service])
            raise
        return service

    async def stop(self, services: Sequence[Service] | None = None) -> None:
        """Stop these (or all), at once; return when none is left."""
        chosen = list(self.services if services is None else services)
        await asyncio.gather(*(service.stop() for service in chosen))
        self.services = [service for service in self.services if service not in chosen]

    def kill(self) -> None:
        """Kill everything at once."""
        for service in self.services:
            service.kill()


def kill_group(pid: int) -> None:
    """Kill what is left of the process group that ``pid`` leads or led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
