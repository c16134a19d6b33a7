"""Records of a layer: how many there may be, and what they cost."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from oci.contents import file_index
from oci.contents.file_index import sorted_records
from oci.contents.layer_tar import Entry
from oci.errors import OciError


def entry(path: str) -> Entry:
    return Entry(path, "file", 0, 0o644, 0, 0, 0, "", 0)


def test_directories_that_only_paths_name_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_index, "LAYER_ENTRIES", 40)
    deep = "/".join("d" * 30)
    with pytest.raises(OciError) as caught:
        list(sorted_records([entry(f"{number}/{deep}/file") for number in range(2)]))
    assert caught.value.code == "limit_exceeded"
    assert len(list(sorted_records([entry(f"{deep}/{number}") for number in range(100)]))) == 131


def test_what_is_above_a_known_directory_is_not_written_again() -> None:
    with closing(sqlite3.connect("")) as database:
        database.execute(file_index._TABLE)
        file_index._imply(database, "/" + "/".join(["d"] * 200) + "/one")
        asked: list[str] = []
        database.set_trace_callback(asked.append)
        file_index._imply(database, "/" + "/".join(["d"] * 200) + "/two")
    assert len([each for each in asked if "INSERT" in each]) == 2
