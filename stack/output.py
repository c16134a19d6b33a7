"""One terminal for many processes: each line says whose it is."""

from __future__ import annotations

import sys
from typing import TextIO

WIDTH = 8
COLOURS = {"portal": 36, "web": 32, "worker": 33, "beat": 35, "redis": 34, "registry": 34, "sample": 34}


class Console:
    """Writes prefixed lines, in colour where a person looks at them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colour = self._stream.isatty()
        self._broken = False

    def say(self, who: str, text: str) -> None:
        """Write each line of ``text`` behind the name of who says it."""
        prefix = f"{who:<{WIDTH}} | "
        if self._colour:
            prefix = f"\x1b[{COLOURS.get(who, 37)}m{prefix}\x1b[0m"
        self._write("".join(f"{prefix}{line}\n" for line in text.splitlines() or [""]))

    def plain(self, text: str) -> None:
        """Write ``text`` as it is, and end the line."""
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        if self._broken:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            # Anyone who read this is gone (`make run | head`); the services go on, without a word.
            self._broken = True
