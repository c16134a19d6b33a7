"""Runs a command to its end inside the event loop, and takes it down when the run is stopped in the meantime."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from stack.paths import ROOT
from stack.services.child import Child, finish
from stack.services.spec import ServiceSpec, Surroundings
from stack.services.supervisor import describe_exit, kill_group


class CommandFailed(Exception):
    """A command ended with an error; the text says which."""


async def run_command(argv: Sequence[str], *, name: str, env: Mapping[str, str], show: bool = False) -> str:
    """Run to the end; its standard output, or nothing where ``show`` lets it write to the terminal itself.

    :raises CommandFailed: it ended with an error.
    """
    lines: list[str] = []
    try:
        spec = ServiceSpec(name=name, argv=argv, surroundings=Surroundings(env=env, cwd=ROOT))
        child = Child(spec, show=show, errors_apart=True)
    except OSError as exc:
        raise CommandFailed(f"{argv[0]} can't be started: {exc.strerror}") from exc
    reading = asyncio.create_task(child.read_lines(lines.append))
    try:
        code = await child.exited()
    finally:
        kill_group(child.pid)
        await finish(reading)
    if code != 0:
        raise CommandFailed(f"{name} failed ({describe_exit(code)}).")
    return "\n".join(lines)
