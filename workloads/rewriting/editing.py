"""Changes of a text at known places: what they make of it, and the unified diff of that.

The places come from a reader of the text, so nothing has to be compared: a diff takes one pass, whatever the text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

#: Unchanged lines around a change.
CONTEXT: Final = 3


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Characters from ``start`` to ``end`` become ``text``."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; they don't overlap."""
    parts: list[str] = []
    at = 0
    for edit in sorted(set(edits)):
        parts += (text[at : edit.start], edit.text)
        at = edit.end
    return "".join((*parts, text[at:]))


def unified_diff(text: str, edits: Iterable[Edit], *, name: str = "") -> str:
    """The same as a unified diff; empty where nothing changes.

    :param edits: each within one line.
    :param name: of the file, as the diff's head has it.
    """
    lines = _lines(text)
    changed = _changed_lines(lines, sorted(set(edits)))
    if not changed:
        return ""
    name = name or "manifest.yaml"
    parts = [f"--- a/{name}\n", f"+++ b/{name}\n"]
    shift = 0
    for first, last in _hunks(sorted(changed), len(lines)):
        body: list[str] = []
        added = 0
        for number in range(first, last):
            old = lines[number]
            if number in changed:
                new = _lines(changed[number])
                body += [_line("-", old), *(_line("+", each) for each in new)]
                added += len(new) - 1
            else:
                body.append(_line(" ", old))
        size = last - first
        parts += [f"@@ -{first + 1},{size} +{first + 1 + shift},{size + added} @@\n", *body]
        shift += added
    return "".join(parts)


def _lines(text: str) -> list[str]:
    """Lines as YAML and diffs know them: a form feed or a line separator ends none."""
    found = text.split("\n")
    return [line + "\n" for line in found[:-1]] + ([found[-1]] if found[-1] else [])


def _line(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _changed_lines(lines: Sequence[str], edits: Sequence[Edit]) -> dict[int, str]:
    """What each changed line becomes, by its number from 0."""
    by_line: dict[int, list[Edit]] = defaultdict(list)
    waiting = iter(edits)
    edit = next(waiting, None)
    start = 0
    for number, line in enumerate(lines):
        end = start + len(line)
        is_last = number == len(lines) - 1
        while edit is not None and (edit.start < end or is_last):
            by_line[number].append(Edit(edit.start - start, edit.end - start, edit.text))
            edit = next(waiting, None)
        start = end
    return {number: apply(lines[number], some) for number, some in by_line.items()}


def _hunks(changed: Sequence[int], count: int) -> Iterator[tuple[int, int]]:
    """First line and the one after the last of each group of changes that are near each other."""
    first = last = -1
    for number in changed:
        if first >= 0 and number - CONTEXT > last + CONTEXT:
            yield max(0, first - CONTEXT), min(count, last + CONTEXT + 1)
            first = number
        elif first < 0:
            first = number
        last = number
    yield max(0, first - CONTEXT), min(count, last + CONTEXT + 1)
