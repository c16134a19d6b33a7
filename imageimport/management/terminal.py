"""How an import's progress looks on a terminal: a live bar for a person, plain lines for a log."""

from __future__ import annotations

import time
from typing import Final, Protocol, Self, TextIO

from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskProgressColumn
from rich.text import Text

from imageimport.models import ImportTask
from imageimport.selectors import render_message

#: A plain line at least after so many percent, and at most every so many seconds.
STEP: Final = 10
PAUSE: Final = 1.0
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


class Display(Protocol):
    """Shows one import; a context, so that the terminal is left as it was."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def show(self, task: ImportTask) -> None: ...


def display_for(stream: TextIO) -> Display:
    """A bar where a person watches, else lines."""
    return Bar(stream) if stream.isatty() else Lines(stream)


def size(count: int) -> str:
    """A number of bytes in words: ``12.3 MiB``."""
    value = float(count)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def facts(task: ImportTask) -> str:
    """Bytes, rate and time left, as far as they are known."""
    found = []
    if task.bytes_total:
        done, total = size(task.bytes_done), size(task.bytes_total)
        found.append(total if done == total else _("%(done)s of %(total)s") % {"done": done, "total": total})
    if task.rate:
        found.append(f"{size(task.rate)}/s")
    if task.eta_seconds is not None:
        found.append(_("%(time)s left") % {"time": f"{task.eta_seconds // 60}:{task.eta_seconds % 60:02}"})
    return " · ".join(found)


class Lines:
    """A line whenever there is something new to say."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said: tuple[str, int] | None = None
        self._at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def show(self, task: ImportTask) -> None:
        message = render_message(task)
        if self._said is not None and not self._is_news(message, task):
            return
        self._said, self._at = (message, task.percent), time.monotonic()
        known = facts(task)
        self._stream.write(f"{task.percent:3} %  {message}{f' ({known})' if known else ''}\n")
        self._stream.flush()

    def _is_news(self, message: str, task: ImportTask) -> bool:
        said, percent = self._said or ("", -STEP)
        if message != said or task.is_terminal:
            return True
        return task.percent - percent >= STEP and time.monotonic() - self._at >= PAUSE


class Bar:
    """One line that moves."""

    def __init__(self, stream: TextIO) -> None:
        console = Console(file=stream, highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            _Field("message"),
            BarColumn(),
            TaskProgressColumn(),
            _Field("facts"),
            console=console,
        )
        self._task = self._progress.add_task("", total=100, message="", facts="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, task: ImportTask) -> None:
        self._progress.update(
            self._task, completed=task.percent, message=render_message(task), facts=facts(task)
        )


class _Field(ProgressColumn):
    """Text as it is: what a registry said is never read as markup."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get(self._name, "")), no_wrap=True, overflow="ellipsis")
