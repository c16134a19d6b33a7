"""What is read of a pasted text."""

from __future__ import annotations

from imageimport.batches.parsing import Entry, read_list


def entries(text: str) -> tuple[Entry, ...]:
    return read_list(text).entries


def images(text: str) -> list[tuple[int, str]]:
    found = entries(text)
    assert not [entry for entry in found if entry.error]
    return [(entry.line, entry.reference) for entry in found]
