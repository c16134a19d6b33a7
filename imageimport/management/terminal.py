"""Follows an import at a terminal: a live bar for a person, plain lines for a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, Protocol, Self, TextIO
from uuid import UUID

from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskProgressColumn
from rich.text import Text

from imageimport.models import ImportTask
from imageimport.selectors import render_message
from projects.templatetags.portal import size

#: A plain line at least after so many percent, and at most every so many seconds.
STEP: Final = 10
REDRAW_SECONDS: Final = 1.0
#: How often the row is read, seconds.
INTERVAL: Final = 0.2
#: A database that is away is waited for this long, seconds.
PATIENCE: Final = 120.0
_COLUMNS: Final = (
    "status", "stage", "progress", "message", "message_parts", "error", "error_parts", "error_code", "bytes_total",
    "bytes_done", "bytes_reused", "rate", "eta_seconds", "not_before", "attempts", "digest", "target_image",
)  # fmt: skip


def follow(task_id: UUID) -> Iterator[ImportTask]:
    """The task as it is now, again and again; the last one has ended.

    :raises OperationalError, InterfaceError: the database stayed away for longer than :data:`PATIENCE`.
    """
    seen = time.monotonic()
    while True:
        try:
            task = ImportTask.objects.only(*_COLUMNS).get(pk=task_id)
        except (OperationalError, InterfaceError):
            if time.monotonic() - seen > PATIENCE:
                raise
            close_old_connections()
            time.sleep(1.0)
            continue
        seen = time.monotonic()
        yield task
        if task.is_terminal:
            return
        time.sleep(INTERVAL)


class Display(Protocol):
    """Shows one import; a context, so that the terminal is left as it was."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def show(self, task: ImportTask) -> None: ...


def display_for(stream: TextIO) -> Display:
    """A bar where a person watches, else lines."""
    return Bar(stream) if stream.isatty() else Lines(stream)


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
        self._shown: tuple[str, int] | None = None
        self._at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def show(self, task: ImportTask) -> None:
        message = render_message(task)
        if self._shown is not None and not self._is_news(message, task):
            return
        self._shown, self._at = (message, task.percent), time.monotonic()
        known = facts(task)
        self._stream.write(f"{task.percent:3} %  {message}{f' ({known})' if known else ''}\n")
        self._stream.flush()

    def _is_news(self, message: str, task: ImportTask) -> bool:
        shown, percent = self._shown or ("", -STEP)
        if message != shown or task.is_terminal:
            return True
        return task.percent - percent >= STEP and time.monotonic() - self._at >= REDRAW_SECONDS


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
