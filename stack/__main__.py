"""``python -m stack run`` and ``python -m stack demo``."""

from __future__ import annotations

import asyncio
import os
import sys

from stack.banner import go_on
from stack.config import ConfigError, read_config
from stack.demo import run_demo
from stack.output import Console
from stack.runner import run_portal


def main(arguments: list[str]) -> int:
    """Run what is asked for; its exit code."""
    os.umask(0o077)  # whatever this and its processes write is the operator's alone
    console = Console()
    if arguments == ["demo"]:
        return asyncio.run(run_demo(console))
    if arguments not in ([], ["run"]):
        print("Usage: python -m stack [run|demo]", file=sys.stderr)
        return 2
    try:
        config = read_config()
    except ConfigError as exc:
        console.say("portal", f"can't start: {exc}")
        return 1
    return asyncio.run(run_portal(config, console, when_up=go_on))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
