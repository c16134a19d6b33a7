"""A child process in the event loop.

asyncio's own subprocess waits, on some Pythons, until the child's pipes are closed too, and a grandchild may hold those
for as long as it likes: anyone who waits for a dead service to start it again must not depend on that.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable

from stack.services.spec import ServiceSpec

LINE_LIMIT = 64 * 1024
#: How long output may still trickle in after the process has ended, in seconds.
LAST_WORDS = 1.0


class Child:
    """One running process of a service, leader of its own session."""

    def __init__(self, spec: ServiceSpec, *, show: bool = False, errors_apart: bool = False) -> None:
        """Start it. ``show``: it writes to our terminal itself; ``errors_apart``: only its standard output is piped.

        Call this in the main thread: the kernel ties a child to the thread that started it, not to the process.

        :raises OSError: the program can't be started.
        """
        pipe = None if show else subprocess.PIPE
        self._process = subprocess.Popen(
            spec.command(),
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=None if show or errors_apart else subprocess.STDOUT,
            env=spec.surroundings.environment(),
            cwd=spec.surroundings.cwd,
            start_new_session=True,
            pass_fds=tuple(spec.surroundings.pass_fds),
        )
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        self._process.send_signal(number)

    async def exited(self) -> int:
        """Wait for its end; its exit code, negative for a signal."""
        if self.alive:
            descriptor, ended = os.pidfd_open(self.pid), asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(descriptor, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        return self._process.wait()

    async def read_lines(self, take: Callable[[str], None]) -> None:
        """Give each line of its output to ``take`` until there is no more; endless lines lose their beginning."""
        if self._process.stdout is None:
            return
        reader = asyncio.StreamReader(limit=LINE_LIMIT)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._process.stdout
        )
        try:
            while True:
                try:
                    raw = await reader.readline()
                except ValueError:  # beyond the limit: what was read of it is dropped
                    continue
                if not raw:
                    return
                take(raw.decode("utf-8", "replace").rstrip())
        finally:
            transport.close()


async def finish(reading: asyncio.Task[None]) -> None:
    """Wait for the last output of a child that has ended, but not for others that may hold its pipe."""
    _, late = await asyncio.wait({reading}, timeout=LAST_WORDS)
    for task in late:
        task.cancel()
