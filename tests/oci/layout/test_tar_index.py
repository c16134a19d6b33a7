"""Tar files that can be read in one way only; all others are refused, quickly and in little memory."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from oci.errors import OciError
from oci.layout import tar_index
from oci.layout.files import open_file
from oci.layout.tar_index import Member, read_index
from tests.support.content.archives import tar, write


def index_of(path: Path, content: bytes) -> dict[str, Member]:
    file = open_file(write(path / "file.tar", content), "file.tar")
    try:
        return read_index(file)
    finally:
        file.close()


def refusal(path: Path, content: bytes) -> OciError:
    with pytest.raises(OciError) as caught:
        index_of(path, content)
    assert caught.value.code == "bundle_invalid"
    assert "file.tar" in str(caught.value)
    return caught.value


def with_entry(change: Callable[[tarfile.TarInfo], None], *, content: bytes = b"", name: str = "a") -> bytes:
    buffer = io.BytesIO()
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    change(entry)
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        made.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_found_where_they_lie_whatever_wrote_them(tmp_path: Path, format: int) -> None:
    long = "blobs/" + "x" * 90 + "/" + "y" * 90
    content = tar([("a", b"first"), (long, b"second"), ("empty", b"")], format=format)
    found = index_of(tmp_path, content)
    assert list(found) == ["a", long, "empty"]
    parts = {name: content[each.offset : each.offset + each.size] for name, each in found.items()}
    assert parts == {"a": b"first", long: b"second", "empty": b""}


def test_directories_are_passed_over_and_links_kept_as_written(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for kind, name, target in (
            (tarfile.DIRTYPE, "./d", ""),
            (tarfile.SYMTYPE, "d/s", "../a"),
            (tarfile.LNKTYPE, "h", "a"),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            made.addfile(entry)
    found = index_of(tmp_path, buffer.getvalue())
    assert {name: (each.link, each.is_hard) for name, each in found.items()} == {
        "d/s": ("../a", False),
        "h": ("a", True),
    }


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "a//b", "a/./b", "a\\b", "a\x01b", "x" * 2000])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    assert "name is not valid" in str(refusal(tmp_path, tar([(name, b"x")])))


@pytest.mark.parametrize(
    "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, b"S", b"V", b"g", b"A"]
)
def test_what_is_neither_file_nor_directory_is_refused(tmp_path: Path, kind: bytes) -> None:
    refusal(tmp_path, with_entry(lambda entry: setattr(entry, "type", kind)))


@pytest.mark.parametrize("second", ["a", "A", "./a"])
def test_one_name_twice_is_refused_also_in_two_cases(tmp_path: Path, second: str) -> None:
    assert "twice" in str(refusal(tmp_path, tar([("a", b"1"), (second, b"2")])))


@pytest.mark.parametrize(
    "headers",
    [
        {"size": "7"},
        {"GNU.sparse.major": "1"},
        {"GNU.sparse.realsize": "10"},
        {"hdrcharset": "BINARY"},
        {"path": "../up"},
    ],
)
def test_pax_records_that_contradict_the_header_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    refusal(tmp_path, with_entry(lambda entry: setattr(entry, "pax_headers", headers), content=b"12345"))


def test_two_extended_headers_of_one_member_are_refused(tmp_path: Path) -> None:
    once = with_entry(lambda entry: setattr(entry, "pax_headers", {"comment": "x"}), content=b"1")
    refusal(tmp_path, once[:1024] + once)


def test_a_size_of_a_tebibyte_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_over: list[str] = []
    monkeypatch.setattr(tar_index._Walk, "_pass_over", lambda _walk, _size, name: passed_over.append(name))

    def grow(entry: tarfile.TarInfo) -> None:
        entry.size = 2**40

    header = tarfile.TarInfo("big")
    grow(header)
    for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        content = header.tobuf(format) + bytes(10_240)
        for packed in (content, gzip.compress(content)):
            assert "ends within big" in str(refusal(tmp_path, packed))
    assert passed_over == []


def test_every_flipped_byte_outside_of_contents_is_noticed(tmp_path: Path) -> None:
    content = tar([("blobs/sha256/ab", b"x" * 700), ("b", b"yy")], format=tarfile.USTAR_FORMAT)
    assert list(index_of(tmp_path, content)) == ["blobs/sha256/ab", "b"]
    inside = {*range(512, 512 + 700), *range(2048, 2050)}
    for at in [each for each in range(0, len(content), 3) if each not in inside]:
        changed = bytearray(content)
        changed[at] ^= 0xFF
        refusal(tmp_path, bytes(changed))


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = tar([("a", b"x" * 700), ("b", b"yy")])
    end = 512 + 1024 + 512 + 512
    for at in [*range(0, end + 1024, 97), end, end + 512, end + 1023]:
        refusal(tmp_path, content[:at])
    assert list(index_of(tmp_path, content[: end + 1024])) == ["a", "b"]


def test_what_is_no_tar_file_is_said_to_be_none(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"\x89PNG" + bytes(600), bytes(range(256)) * 8):
        assert "isn't a tar file" in str(refusal(tmp_path, content))


def test_a_million_members_are_refused_in_little_time_and_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT)
    blocks = []
    for number in range(60_000):
        entry = tarfile.TarInfo(f"{number}")
        blocks.append(entry.tobuf(tarfile.USTAR_FORMAT) if number < 50_001 else header)
    write(tmp_path / "file.tar", b"".join(blocks))
    del blocks
    file = open_file(tmp_path / "file.tar", "file.tar")
    tracemalloc.start()
    try:
        with pytest.raises(OciError, match="more than 50000 members"):
            read_index(file)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        file.close()
    assert most < 32 * 1024 * 1024


def test_a_member_whose_name_takes_a_header_of_its_own_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_index, "ARCHIVE_MEMBERS", 4)
    long = [(f"blobs/sha512/{number:0128x}", b"x") for number in range(5)]
    assert len(index_of(tmp_path, tar(long[:4], format=tarfile.GNU_FORMAT))) == 4
    assert "more than 4 members" in str(refusal(tmp_path, tar(long, format=tarfile.GNU_FORMAT)))


@pytest.mark.parametrize("way", [bytes, gzip.compress])
def test_who_waits_for_a_file_of_many_empty_members_can_stop_it(
    tmp_path: Path, way: Callable[[bytes], bytes]
) -> None:
    blocks = [tarfile.TarInfo(f"{number}").tobuf(tarfile.USTAR_FORMAT) for number in range(100)]
    file = open_file(write(tmp_path / "file.tar", way(b"".join(blocks) + bytes(1024))), "file.tar")
    ticks: list[int] = []

    class StopError(Exception):
        pass

    def tick() -> None:
        ticks.append(1)
        if len(ticks) > 50:
            raise StopError

    file.tick = tick
    with pytest.raises(StopError):
        read_index(file)
    file.close()


def test_names_that_are_too_long_together_are_refused(tmp_path: Path) -> None:
    blocks = [
        tarfile.TarInfo(f"{number:05}" + "n" * 895).tobuf(tarfile.GNU_FORMAT) for number in range(9_400)
    ]
    assert "more than 8388608 characters" in str(refusal(tmp_path, b"".join(blocks) + bytes(1024)))
    few = b"".join(blocks[: 8 * 1024 * 1024 // 900])
    assert len(index_of(tmp_path, few + bytes(1024))) == 8 * 1024 * 1024 // 900
