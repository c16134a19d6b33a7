"""How the progress of an import looks in a terminal."""

from __future__ import annotations

import io
from typing import Any

from imageimport.management.terminal import Bar, Lines, display_for, facts
from imageimport.models import ImportTask


def task(**values: Any) -> ImportTask:
    return ImportTask(**{"status": "running", "progress": 30, "message": "Pulling the image", **values})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_facts_are_what_is_known() -> None:
    assert facts(task()) == ""
    known = task(bytes_total=2048, bytes_done=1024, rate=512, eta_seconds=62)
    assert facts(known) == "1.0 KiB of 2.0 KiB · 512 B/s · 1:02 left"
    almost = task(bytes_total=20 * 1024**2, bytes_done=20 * 1024**2 - 3)
    assert facts(almost) == "20.0 MiB"


def test_plain_lines_say_what_is_new_and_no_more() -> None:
    stream = io.StringIO()
    display = display_for(stream)
    assert isinstance(display, Lines)
    with display:
        for progress in (30, 30, 31, 32):
            display.show(task(progress=progress))
        display.show(task(progress=33, message="Waiting for [bold]x[/bold]"))
        display.show(task(status="success", progress=100, message="Done"))
    assert stream.getvalue().splitlines() == [
        " 30 %  Pulling the image",
        " 33 %  Waiting for [bold]x[/bold]",
        "100 %  Done",
    ]


def test_a_person_sees_a_bar_and_no_markup_is_read() -> None:
    stream = Terminal()
    display = display_for(stream)
    assert isinstance(display, Bar)
    with display:
        display.show(task(message="Waiting for [bold]x[/bold]", bytes_total=2048, bytes_done=1024))
    shown = stream.getvalue()
    assert "[bold]x[/bold]" in shown
    assert "30%" in shown
    assert "1.0 KiB of 2.0 KiB" in shown
