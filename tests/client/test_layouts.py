"""Files of bundles are checked on the client's side: every blob by its name, every header, and the end."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from portal_client.layouts import right_until
from tests.support.content.archives import tar, write


def blob(content: bytes, algorithm: str = "sha256") -> tuple[str, bytes]:
    return f"blobs/{algorithm}/{hashlib.new(algorithm, content).hexdigest()}", content


MEMBERS = [
    ("oci-layout", b"{}"),
    ("index.json", b"[]"),
    blob(b"a" * 1000),
    blob(b"b" * 512, "sha512"),
    blob(b"c" * 3_000_000),
]
WHOLE = tar(MEMBERS, format=tarfile.GNU_FORMAT)


def ends() -> list[int]:
    """Where each member ends."""
    with tarfile.open(fileobj=io.BytesIO(WHOLE)) as found:
        return [member.offset_data + member.size + -member.size % 512 for member in found]


def test_a_file_that_is_right_is_right_to_its_end() -> None:
    assert right_until(io.BytesIO(WHOLE)) == len(WHOLE)
    assert right_until(io.BytesIO(WHOLE[: ends()[-1]] + bytes(1024))) == ends()[-1] + 1024


@pytest.mark.parametrize("member", range(2, len(MEMBERS)))
def test_a_blob_that_is_not_what_its_name_says_ends_what_is_right(member: int) -> None:
    spoilt = bytearray(WHOLE)
    with tarfile.open(fileobj=io.BytesIO(WHOLE)) as found:
        spoilt[found.getmembers()[member].offset_data + 100] ^= 1
    assert right_until(io.BytesIO(bytes(spoilt))) == ends()[member - 1]


@pytest.mark.parametrize("member", range(1, len(MEMBERS)))
def test_a_damaged_header_ends_what_is_right(member: int) -> None:
    spoilt = bytearray(WHOLE)
    spoilt[ends()[member - 1] + 3] ^= 1
    assert right_until(io.BytesIO(bytes(spoilt))) == ends()[member - 1]


@pytest.mark.parametrize("cut", [0, 1, 511, 512, 1000, 10_000, len(WHOLE) // 2])
def test_a_file_that_is_cut_is_right_up_to_a_whole_member(cut: int) -> None:
    assert right_until(io.BytesIO(WHOLE[:cut])) == max([0, *(end for end in ends() if end <= cut)])


def test_data_behind_the_end_and_in_what_fills_a_block_is_not_right() -> None:
    assert right_until(io.BytesIO(WHOLE + b"more")) == ends()[-1]
    spoilt = bytearray(WHOLE)
    spoilt[ends()[2] - 1] = 1
    assert right_until(io.BytesIO(bytes(spoilt))) == ends()[1]


def test_a_file_that_is_written_to_is_read_too(tmp_path: Path) -> None:
    with write(tmp_path / "a.tar", WHOLE).open("ab+") as file:
        assert right_until(file) == len(WHOLE)
