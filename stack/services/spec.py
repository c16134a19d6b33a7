"""What a service is: how it is started, when it is ready, how it is stopped."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Surroundings:
    """What a process is handed by the one that starts it."""

    env: Mapping[str, str] = field(default_factory=dict)
    #: Variables with these prefixes are not handed down.
    drop_env: tuple[str, ...] = ()
    cwd: Path | None = None
    pass_fds: Sequence[int] = ()

    def environment(self) -> dict[str, str]:
        """This process's environment with the changes."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(self.drop_env or ("\0",))
        }
        return kept | dict(self.env)


@dataclass(frozen=True)
class Stopping:
    """How a process is ended."""

    by: signal.Signals = signal.SIGTERM
    #: How long it may take to stop by itself before it is killed, with all of its process group.
    seconds: float = 10.0
    #: What the kernel sends it when the process that started it is killed outright.
    death_signal: str = "SIGKILL"


@dataclass(frozen=True)
class ServiceSpec:
    """One long-running process."""

    name: str
    argv: Sequence[str]
    #: True once the service answers. Called again and again from a thread; must not raise or take over 3 s.
    ready: Callable[[], bool] = lambda: True
    surroundings: Surroundings = field(default_factory=Surroundings)
    stopping: Stopping = field(default_factory=Stopping)
    #: Lines of output that say nothing to an operator.
    noise: re.Pattern[str] | None = None

    def command(self) -> list[str]:
        """The argument vector that also ties the process's life to the life of the one that starts it."""
        setpriv = shutil.which("setpriv")
        tie = [setpriv, "--pdeathsig", self.stopping.death_signal, "--"] if setpriv else []
        return [*tie, *self.argv]
