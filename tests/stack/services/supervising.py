"""Services that a test supervises."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from stack.output import Console
from stack.services.spec import ServiceSpec
from stack.services.supervisor import Supervisor


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
