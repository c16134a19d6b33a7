"""Runs a command to its end inside the event loop, and takes it down when the run is stopped meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from stack.output import Console
from stack.paths import ROOT
from stack.spec import ServiceSpec
from stack.supervisor import kill_group


class CommandFailed(Exception):
    """A command ended with an error; the text says which."""


async def run_command(
    argv: Sequence[str], *, name: str, env: Mapping[str, str], console: Console, show: bool = False
) -> str:
    """Run to the end; its standard output, or nothing where ``show`` lets it write to the terminal itself.

    :raises CommandFailed: it ended with an error.
    """
    spec = ServiceSpec(name=name, argv=argv, env=env)
    try:
        process = await asyncio.create_subprocess_exec(
            *spec.command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=None if show else asyncio.subprocess.PIPE,
            stderr=None if show else asyncio.subprocess.PIPE,
            env=spec.environment(),
            cwd=ROOT,
            start_new_session=True,
        )
    except OSError as exc:
        raise CommandFailed(f"{argv[0]} can't be started: {exc.strerror}") from exc
    try:
        output, errors = await process.communicate()
    finally:
        kill_group(process.pid)
        if process.returncode is None:
            await process.wait()
    if errors and errors.strip():
        console.say(name, errors.decode("utf-8", "replace").rstrip())
    if process.returncode != 0:
        raise CommandFailed(f"{name} failed (exit code {process.returncode}).")
    return output.decode("utf-8", "replace") if output else ""
