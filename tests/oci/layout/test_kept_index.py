"""The index of a compressed file is kept beside it, as long as the file stays what it was."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from oci.layout import kept_index
from oci.layout.files import ArchiveFile, open_file
from oci.layout.kept_index import indexed
from oci.layout.tar_index import Member, read_index
from testbed.images import random_image
from tests.support.content.archives import layout, write

ONE = random_image([60_000, 5_000], seed=1)
CONTENT = layout({"app:1": ONE})


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that were read through, in order."""
    found: list[str] = []

    def look(file: ArchiveFile) -> dict[str, Member]:
        found.append(file.name)
        return read_index(file)

    monkeypatch.setattr(kept_index, "read_index", look)
    return found


def members(path: Path, beside: Path) -> tuple[dict[str, Member], dict[int, bytes]]:
    file = open_file(path, path.name)
    try:
        return indexed(file, beside), file.kept
    finally:
        file.close()


def test_a_compressed_file_is_read_through_once(tmp_path: Path, looks: list[str]) -> None:
    path = write(tmp_path / "file", gzip.compress(CONTENT, 1))
    first = members(path, tmp_path / "index")
    assert members(path, tmp_path / "index") == first
    assert looks == ["file"]
    assert first[1], "small members are there without being decompressed again"
    plain = members(write(tmp_path / "plain", CONTENT), tmp_path / "none")
    assert plain[0] == first[0]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "index", "plain"]


def test_another_file_or_an_index_that_was_cut_is_read_through_again(
    tmp_path: Path, looks: list[str]
) -> None:
    path, beside = tmp_path / "file", tmp_path / "index"
    members(write(path, gzip.compress(CONTENT, 1)), beside)
    path.unlink()
    other = layout({"app:1": random_image([70_000], seed=2)})
    found = members(write(path, gzip.compress(other, 1)), beside)
    assert found[0] == members(write(tmp_path / "plain", other), tmp_path / "none")[0]
    beside.write_bytes(beside.read_bytes()[:100])
    assert members(path, beside) == found
    assert looks == ["file", "file", "plain", "file"]


def test_an_index_that_can_not_be_written_is_done_without(tmp_path: Path, looks: list[str]) -> None:
    path = write(tmp_path / "file", gzip.compress(CONTENT, 1))
    for _ in range(2):
        assert members(path, tmp_path / "no-such-folder" / "index")[0]
    assert looks == ["file", "file"]
