"""What differs between the files of two images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from oci.contents.file_changes import compare_files
from oci.contents.file_index import Record, split
from oci.contents.file_view import FileView


class Layer:
    """Records in memory."""

    def __init__(self, records: list[Record]) -> None:
        self.records = sorted(records, key=lambda each: each.key)

    def find(self, parent: str, name: str) -> Record | None:
        return next((each for each in self.records if each.key == (parent, name)), None)

    def children(self, parent: str) -> Iterator[Record]:
        return (each for each in self.records if each.parent == parent)

    def everything(self) -> Iterator[Record]:
        return iter(self.records)


def record(path: str, **said: Any) -> Record:
    return Record(*split(path), **{"type": "file", "size": 1, "mode": 0o644, "mtime": 5, **said})


def view(*records: Record) -> FileView:
    root = record("/", type="dir")
    return FileView([Layer([root, *records])])


def told(before: FileView, after: FileView) -> dict[str, tuple[str, ...]]:
    return {each.path: each.what for each in compare_files(before, after)}


def test_what_came_went_and_changed_is_told_by_what_differs() -> None:
    before = view(
        record("/etc", type="dir"), record("/etc/gone"), record("/etc/kept"), record("/etc/more", size=2),
        record("/etc/run", mode=0o755, uid=0), record("/lib", type="symlink", target="usr/lib"),
    )  # fmt: skip
    after = view(
        record("/etc", type="dir", mtime=9), record("/etc/came"), record("/etc/kept"), record("/etc/more", mtime=6),
        record("/etc/run", mode=0o700, uid=7), record("/lib", type="symlink", target="usr/lib64"),
    )  # fmt: skip
    assert told(before, after) == {
        "/lib": ("target",), "/etc/came": ("added",), "/etc/gone": ("removed",), "/etc/more": ("size", "time"),
        "/etc/run": ("mode", "owner"),
    }  # fmt: skip


def test_what_a_layer_above_hides_is_gone_and_what_it_repeats_is_the_same() -> None:
    base = Layer([record("/", type="dir"), record("/a"), record("/b")])
    above = Layer([Record("/", "a", hides=True), record("/b")])
    assert told(FileView([base]), FileView([base, above])) == {"/a": ("removed",)}


_PATHS = st.sampled_from(["/a", "/b", "/d", "/d/a", "/d/b", "/e/f"])
_FILES = st.dictionaries(_PATHS, st.tuples(st.sampled_from(["file", "symlink"]), st.integers(0, 2)))


@given(_FILES, _FILES)
def test_a_comparison_is_symmetric_and_of_the_same_files_empty(one: Any, other: Any) -> None:
    def made(said: Any) -> FileView:
        parents = [record(each, type="dir") for each in ("/d", "/e")]
        files = [
            record(path, type=kind, size=size)
            for path, (kind, size) in said.items()
            if path not in ("/d", "/e")
        ]
        return view(*parents, *files)

    before, after = made(one), made(other)
    assert told(before, before) == {}
    swapped: dict[tuple[str, ...], tuple[str, ...]] = {("added",): ("removed",), ("removed",): ("added",)}
    there, back = told(before, after), told(after, before)
    assert back == {path: swapped.get(what, what) for path, what in there.items()}
