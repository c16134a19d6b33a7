"""Compressed files are read from any offset, in flat memory, without a copy; what expands without end is refused."""

from __future__ import annotations

import gzip
import random
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from oci.errors import OciError
from oci.layout.files import ArchiveFile, GzipFile, ZstdFile, open_file
from tests.support.content.archives import write

CONTENT = random.Random(5).randbytes(9_000_000) + b"abc" * 2_000_000


def two_members(content: bytes) -> bytes:
    return gzip.compress(content[:5_000_000], 1) + gzip.compress(content[5_000_000:], 1) + bytes(100)


def two_frames(content: bytes) -> bytes:
    pack = zstandard.ZstdCompressor(level=1).compress
    return pack(content[:5_000_000]) + pack(content[5_000_000:])


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda content: gzip.compress(content, 1),
    "gzip in members": two_members,
    "zstd": lambda content: zstandard.ZstdCompressor(level=1).compress(content),
    "zstd in frames": two_frames,
}


def read(file: ArchiveFile, offset: int, count: int) -> bytes:
    reader, found = file.open(offset), bytearray(count)
    view, done = memoryview(found), 0
    while done < count and (came := reader.readinto(view[done:])):
        done += came
    reader.close()
    return bytes(found[:done])


@pytest.mark.parametrize("way", WAYS)
def test_any_part_is_read_from_where_it_begins(tmp_path: Path, way: str) -> None:
    file = open_file(write(tmp_path / "file", WAYS[way](CONTENT)), "file")
    assert type(file) is (GzipFile if "gzip" in way else ZstdFile if "zstd" in way else ArchiveFile)
    whole = read(file, 0, len(CONTENT) + 10)
    assert whole == CONTENT
    for offset, count in ((0, 10), (14_999_990, 20), (4_999_990, 30), (8_000_000, 1), (4_200_000, 100_000)):
        assert read(file, offset, count) == CONTENT[offset : offset + count]
    file.close()


def test_several_threads_read_one_compressed_file_at_once(tmp_path: Path) -> None:
    file = open_file(write(tmp_path / "file", gzip.compress(CONTENT, 1)), "file")
    read(file, 0, len(CONTENT))
    wrong: list[int] = []

    def look(seed: int) -> None:
        offset = random.Random(seed).randrange(len(CONTENT) - 1000)
        if read(file, offset, 1000) != CONTENT[offset : offset + 1000]:
            wrong.append(offset)

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file.close()
    assert not wrong


def test_a_late_part_of_a_gzip_file_is_not_read_from_the_start_again(tmp_path: Path) -> None:
    file = open_file(write(tmp_path / "file", gzip.compress(CONTENT, 1)), "file")
    read(file, 0, len(CONTENT))
    passed: list[int] = []
    file.tick = lambda: passed.append(1)
    read(file, 8_900_000, 10)
    file.close()
    assert len(passed) < 20, "at most a few MiB were decompressed again"


@pytest.mark.parametrize("way", [way for way in WAYS if way != "plain"])
def test_parts_that_are_read_in_the_order_of_the_file_are_decompressed_once(tmp_path: Path, way: str) -> None:
    packed = WAYS[way](CONTENT)
    file = open_file(write(tmp_path / "file", packed), "file")
    came: list[int] = []
    pread = file.pread

    def counted(view: memoryview, offset: int) -> int:
        came.append(pread(view, offset))
        return came[-1]

    file.pread = counted  # type: ignore[method-assign]
    for offset in range(0, len(CONTENT), 500_000):
        assert read(file, offset + 1000, 400_000) == CONTENT[offset + 1000 :][:400_000]
    assert sum(came) < 1.1 * len(packed)
    assert read(file, 5_000, 10) == CONTENT[5_000:5_010], "what lies before is read all the same"
    file.close()


@pytest.mark.parametrize("way", ["gzip", "zstd"])
def test_what_failed_is_not_read_on_from(tmp_path: Path, way: str) -> None:
    packed = bytearray(WAYS[way](CONTENT))
    packed[4_000_000:] = bytes(each ^ 0x55 for each in packed[4_000_000:])
    file = open_file(write(tmp_path / "file", bytes(packed)), "file")
    for _ in range(3):
        reader = file.open(1_000_000)
        with pytest.raises(OciError, match="can't be decompressed"):
            while reader.readinto(memoryview(bytearray(1_000_000))):
                pass
        reader.close()
    assert read(file, 1_000_000, 10) == CONTENT[1_000_000:1_000_010]
    file.close()


@pytest.mark.parametrize("way", ["gzip", "zstd"])
def test_a_file_that_expands_without_end_is_refused_early_and_in_little_memory(
    tmp_path: Path, way: str
) -> None:
    zeros = bytes(16 * 1024 * 1024)
    packer = zlib.compressobj(9, wbits=31) if way == "gzip" else zstandard.ZstdCompressor().compressobj()
    pieces = [*(packer.compress(zeros) for _ in range(16)), packer.flush()]
    file = open_file(write(tmp_path / "file", b"".join(pieces)), "file")
    buffer = memoryview(bytearray(1024 * 1024))
    reader, came = file.open(), 0
    tracemalloc.start()
    with pytest.raises(OciError, match="decompresses to far more"):
        while count := reader.readinto(buffer):
            came += count
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    file.close()
    assert came < 200 * 1024 * 1024
    assert most < 8 * 1024 * 1024


@pytest.mark.parametrize("way", ["gzip", "zstd"])
def test_a_compressed_file_that_is_cut_or_changed_is_refused(tmp_path: Path, way: str) -> None:
    packed = WAYS[way](CONTENT)
    flipped = bytearray(packed)
    flipped[len(packed) // 2 :] = bytes(each ^ 0x55 for each in packed[len(packed) // 2 :])
    for number, content in enumerate((packed[: len(packed) // 2], bytes(flipped))):
        file = open_file(write(tmp_path / f"file{number}", content), "file")
        with pytest.raises(OciError) as caught:
            file.open(len(CONTENT) - 1).readinto(memoryview(bytearray(1)))
        assert caught.value.code == "bundle_invalid"
        file.close()


@pytest.mark.parametrize("way", ["gzip", "zstd"])
def test_who_waits_for_a_file_of_nothing_but_empty_parts_can_stop_it(tmp_path: Path, way: str) -> None:
    pack = gzip.compress if way == "gzip" else zstandard.ZstdCompressor().compress
    file = open_file(write(tmp_path / "file", pack(b"") * 50_000), "file")
    ticks: list[int] = []

    class StopError(Exception):
        pass

    def tick() -> None:
        ticks.append(1)
        if len(ticks) > 3:
            raise StopError

    file.tick = tick
    with pytest.raises(StopError):
        file.open().readinto(memoryview(bytearray(10)))
    file.close()


def test_a_window_that_takes_much_memory_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(CONTENT) + packer.flush()
    file = open_file(write(tmp_path / "file", packed), "file")
    with pytest.raises(OciError, match="can't be decompressed"):
        file.open().readinto(memoryview(bytearray(10)))
    file.close()


def test_a_file_that_is_gone_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(OciError) as caught:
        open_file(tmp_path / "none", "file")
    assert caught.value.code == "source_error"
    assert caught.value.retryable
