"""What commands print: aligned columns for people, one JSON object a line for programs.

Answers go to standard output, everything else (progress, warnings, errors) to standard error.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
from rich.cells import cell_len

from portal_client.errors import PortalError
from portal_client.words import _

Column = tuple[str, Callable[[Mapping[str, Any]], str]]

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


@dataclass
class Output:
    """How to print."""

    as_json: bool = False
    #: Whether standard output holds something else, so that what is for people goes to standard error.
    beside: bool = False

    def rows(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """A list: these columns of each row, or each row whole as a line of JSON."""
        if self.as_json:
            for row in rows:
                self.line(row)
            return
        table = [[column.upper().replace("_", " ") for column in columns]]
        table += [[shown(column, row.get(column)) for column in columns] for row in rows]
        widths = [max(map(cell_len, cells)) for cells in zip(*table, strict=True)]
        for cells in table:
            padded = (
                cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)
            )
            click.echo("  ".join(padded).rstrip())

    def one(self, row: Mapping[str, Any], fields: Sequence[str]) -> None:
        """One thing: a field a line, or the whole as a line of JSON."""
        if self.as_json:
            self.line(row)
            return
        names = [(name.replace("_", " "), shown(name, row.get(name))) for name in fields]
        width = max(len(name) for name, _value in names)
        for name, value in names:
            click.echo(f"{name:<{width}}  {value}")

    def line(self, row: Any) -> None:
        """A line of JSON."""
        click.echo(json.dumps(row, ensure_ascii=False))

    def say(self, sentence: str) -> None:
        """What was done, for people; programs read the lines of JSON."""
        if not self.as_json:
            click.echo(clean(sentence), err=self.beside)

    def warn(self, sentence: str) -> None:
        """What deserves a look, on standard error."""
        click.echo(_("Note: %(sentence)s") % {"sentence": clean(sentence)}, err=True)

    def fail(self, error: PortalError) -> None:
        """Why the command ends with 1, on standard error."""
        if self.as_json:
            click.echo(json.dumps(error.body, ensure_ascii=False), err=True)
        else:
            click.echo(_("Error: %(sentence)s") % {"sentence": clean(error.sentence)}, err=True)


def is_terminal() -> bool:
    """Whether a person looks at what moves."""
    return sys.stderr.isatty()


def clean(text: str) -> str:
    """Text of others for a terminal: no control sequence, no mark that turns the text around it."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


def shown(name: str, value: Any) -> str:
    """A value of the API for people."""
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | dict):
        pairs = value.items() if isinstance(value, dict) else (("", each) for each in value)
        return ", ".join(f"{key} {shown('', each)}".strip() for key, each in pairs)
    if isinstance(value, int) and (name == "size" or name.startswith("bytes")):
        return size(value)
    if isinstance(value, str) and name.endswith("_at"):
        return moment(value)
    return clean(str(value))


def size(number: float) -> str:
    """Bytes for people, in powers of 1000: ``31.4 MB``."""
    unit = 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number /= 1000
        unit += 1
    return f"{number:.0f} {_UNITS[0]}" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"


def moment(text: str) -> str:
    """A time of the API in the reader's zone, to the second."""
    return dt.datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
