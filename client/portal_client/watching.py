"""Following imports and batches until they end: bars for people, through restarts of the portal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from portal_client.api import Api, Row
from portal_client.errors import PortalError
from portal_client.output import Output, clean, is_terminal, size
from portal_client.words import _

#: As often as the pages do, seconds.
EVERY: Final = 2.0
#: Short imports end soon: the first looks come closer together, seconds, then each after a part of what has passed.
FIRST: Final = 0.25
_PART: Final = 0.1
ENDED: Final = frozenset({"success", "failed", "canceled"})


class Display(Protocol):
    """What shows how far things are."""

    def show(self, path: str, row: Row) -> None:
        """An import or a batch as it is now."""


def follow(api: Api, rows: dict[str, Row], out: Output, *, timeout: float | None = None) -> dict[str, Row]:
    """Look at imports and batches until all have ended; each as it was last.

    :param rows: addresses, and what stands there as first answered.
    :param timeout: seconds after which it is given up; the imports go on all the same.
    :raises PortalError: the time is over, or the portal stays away.
    """
    found, began = dict(rows), time.monotonic()
    with api.waiting_long(), _display(out) as display:
        while True:
            for path, row in found.items():
                display.show(path, row)
            waiting = [path for path, row in found.items() if not has_ended(row)]
            if not waiting:
                return found
            passed = time.monotonic() - began
            if timeout is not None and passed > timeout:
                raise PortalError(
                    _("Not finished after %(seconds)d seconds; it continues.") % {"seconds": timeout},
                    "timeout",
                )
            time.sleep(min(max(FIRST, passed * _PART), EVERY))
            found |= {path: api.get(path) for path in waiting}


def has_ended(row: Row) -> bool:
    """It is final."""
    if "counts" in row:
        return row["completed_at"] is not None
    return row["status"] in ENDED


def succeeded(row: Row) -> bool:
    """It has ended, and all of it is there."""
    if "counts" in row:
        return bool(row["completed_at"]) and row["counts"]["success"] == row["total"]
    return bool(row["status"] == "success")


def name_of(row: Row) -> str:
    """How people know it."""
    if "counts" in row:
        return clean(row["name"] or _("Batch of %(number)d") % {"number": row["total"]})
    return clean(f"{row['image_url']} → {row['target_name']}:{row['target_tag']}")


def far(row: Row) -> str:
    """How far it is, in words."""
    parts = []
    if "counts" in row:
        parts = [f"{key} {number}" for key, number in row["counts"].items() if number]
    elif row["message"]:
        parts = [clean(row["message"])]
    if row["bytes_total"]:
        done = size(row["bytes_done"])
        parts.append(_("%(done)s of %(total)s") % {"done": done, "total": size(row["bytes_total"])})
    if row.get("rate") and not has_ended(row):
        parts.append(f"{size(row['rate'])}/s")
    if row.get("eta_seconds") is not None and not has_ended(row):
        parts.append(_("%(seconds)d s left") % {"seconds": row["eta_seconds"]})
    return ", ".join(parts)


@contextmanager
def _display(out: Output) -> Iterator[Display]:
    if out.as_json:
        yield _Nothing()
    elif is_terminal():
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %", markup=False),
            TextColumn("{task.fields[far]}", markup=False),
        )
        with Progress(*columns, console=Console(stderr=True)) as progress:
            yield _Bars(progress)
    else:
        yield _Lines()


class _Nothing:
    def show(self, path: str, row: Row) -> None:
        """Programs read the end."""


class _Lines:
    """A line whenever something has changed: for logs."""

    def __init__(self) -> None:
        self._shown: dict[str, object] = {}

    def show(self, path: str, row: Row) -> None:
        now = row.get("counts") or (row["status"], row["stage"])
        if self._shown.get(path) != now:
            self._shown[path] = now
            click.echo(f"{name_of(row)}: {row['progress']} %, {far(row)}", err=True)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def show(self, path: str, row: Row) -> None:
        if path not in self._bars:
            self._bars[path] = self._progress.add_task(name_of(row), total=100, far="")
        self._progress.update(self._bars[path], completed=row["progress"], far=far(row))
