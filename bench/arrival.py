"""A picture of how one layer arrives over a long, thin line: which connection brings how much when."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.thin_line import Arrival, Line

#: What a bar stands for, seconds.
STEP: Final = 0.05
#: A bar of more bytes is a part of the layer; one of fewer may be the answer to a question, such as a token.
ANSWER_BYTES: Final = 30_000
#: The layout, pixels.
WIDTH, LEFT, RIGHT, TOP, ROW, BELOW = 860, 110, 20, 44, 22, 44
FONT: Final = "font-family='system-ui, sans-serif' font-size='13' fill='#334155'"


@dataclass(frozen=True)
class Words:
    """Of one language; ``title`` takes megabytes, seconds and connections, ``alone`` seconds."""

    title: str
    connection: str
    seconds: str


WORDS: Final = {
    "": Words(
        "{megabytes:.0f} MB in {seconds:.1f} s over {connections} connections", "connection {}", "{} s"
    ),
    "-zh": Words("{megabytes:.0f} MB，{connections} 个连接，{seconds:.1f} 秒", "连接 {}", "{} 秒"),
}


def write(directory: Path, arrivals: Sequence[Arrival], line: Line, began: float) -> None:
    """``line.svg`` and ``line-zh.svg``.

    :param arrivals: all pieces of the line's way down.
    :param began: when the import was asked for, as :func:`time.monotonic` says.
    """
    for suffix, words in WORDS.items():
        text = drawn(arrivals, line, began, words)
        (directory / f"line{suffix}.svg").write_text(text, encoding="utf-8")


def drawn(arrivals: Sequence[Arrival], line: Line, began: float, words: Words) -> str:
    """A row for each connection that brings a part of the layer; how tall a bar is says how much of what one
    connection can carry it does.
    """
    sums: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for each in arrivals:
        sums[each.connection][int((each.at - began) / STEP)] += each.count
    # Those that only answered questions are no part of the picture; the first to bring something is the first row.
    begins = {
        number: min(step for step, count in by_step.items() if count > ANSWER_BYTES)
        for number, by_step in sums.items()
        if max(by_step.values()) > ANSWER_BYTES
    }
    rows = [sums[number] for number in sorted(begins, key=lambda number: (begins[number], number))]
    seconds = math.ceil((max(each.at for each in arrivals) - began) / STEP) * STEP
    most = (line.each or 1.0) * STEP
    scale = (WIDTH - LEFT - RIGHT) / seconds
    bottom = TOP + ROW * len(rows)
    title = words.title.format(
        megabytes=sum(map(sum, (each.values() for each in rows))) / 1e6,
        seconds=seconds,
        connections=len(rows),
    )
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {bottom + BELOW}' role='img'>",
        f"<title>{title}</title><rect width='100%' height='100%' fill='#ffffff'/>",
        f"<text x='{LEFT}' y='26' {FONT} font-weight='600'>{title}</text>",
    ]
    for number, by_step in enumerate(rows):
        y = TOP + ROW * (number + 1)
        parts.append(f"<text x='10' y='{y - 5}' {FONT}>{words.connection.format(number + 1)}</text>")
        parts.append(f"<path d='M{LEFT} {y}H{WIDTH - RIGHT}' stroke='#e2e8f0'/>")
        parts += [
            f"<rect x='{LEFT + step * STEP * scale:.1f}' y='{y - height:.1f}' width='{STEP * scale + 0.3:.1f}' "
            f"height='{height:.1f}' fill='#2f54d1'/>"
            for step, count in sorted(by_step.items())
            if (height := min(1.0, count / most) * (ROW - 4)) >= 0.5
        ]
    for second in range(int(seconds) + 1):
        x = LEFT + second * scale
        parts.append(f"<path d='M{x:.1f} {TOP}V{bottom + 6}' stroke='#94a3b8' stroke-dasharray='2 4'/>")
        parts.append(
            f"<text x='{x:.1f}' y='{bottom + 24}' text-anchor='middle' {FONT}>{words.seconds.format(second)}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])
