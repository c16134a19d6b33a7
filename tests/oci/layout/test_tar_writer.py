"""A tar in parts is the tar as a whole, and others read it."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from oci.layout.tar_writer import END, Member, blob_member, from_memory

LONG = "blobs/sha512/" + "a" * 128
MEMBERS = [
    ("oci-layout", b"{}"),
    ("blobs/sha256/" + "b" * 64, bytes(range(256)) * 5),
    (LONG, b""),
    ("x", b"1"),
]


def whole() -> bytes:
    made = b""
    for name, body in MEMBERS:
        member = Member(name, len(body))
        made += b"".join(member.part(from_memory(body), 0, member.room))
    return made + END


def test_python_and_gnu_tar_read_what_was_written(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(whole())) as tar:
        read = [(each.name, tar.extractfile(each).read()) for each in tar]  # type: ignore[union-attr]
        assert read == MEMBERS
        assert {(each.mtime, each.uid, each.uname, each.mode) for each in tar} == {(0, 0, "", 0o644)}
    (tmp_path / "made.tar").write_bytes(whole())
    listed = subprocess.run(["tar", "tf", tmp_path / "made.tar"], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == [name for name, _ in MEMBERS]
    assert listed.stderr == ""


@pytest.mark.parametrize(("name", "body"), MEMBERS)
def test_any_part_of_a_member_is_that_part_of_the_whole(name: str, body: bytes) -> None:
    member = Member(name, len(body))
    complete = b"".join(member.part(from_memory(body), 0, member.room))
    assert len(complete) == member.room
    edges = sorted({0, 1, 511, 512, 513, len(member.head), len(member.head) + len(body), member.room})
    for start in edges:
        for end in edges:
            if start < end <= member.room:
                assert b"".join(member.part(from_memory(body), start, end)) == complete[start:end]


def test_sizes_beyond_eight_gibibytes_are_written_and_read() -> None:
    member = blob_member("sha256:" + "c" * 64, 9 * 2**30 + 1)
    assert tarfile.TarInfo.frombuf(member.head, "ascii", "strict").size == member.size
    assert member.room == 512 + member.size + 511
