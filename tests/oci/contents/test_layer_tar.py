"""Entries of layers, as Python's own tarfile writes them and as no one should."""

from __future__ import annotations

import io
import random
import tarfile
import time
import tracemalloc

import pytest

from oci.contents import layer_tar
from oci.contents.layer_tar import Entry, read_entries
from oci.errors import OciError

LONG = "long/" + "/".join(["d" * 60] * 5) + "/é"


def tar(*entries: tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b"x" * entry.size))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, **facts: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in facts.items():
        setattr(made, key, value)
    return made


def read(content: bytes) -> list[Entry]:
    return list(read_entries([content]))


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_facts_are_those_that_were_written(format: int) -> None:
    content = tar(
        entry("./bin/sh", size=700, mode=0o4755, uid=5, gid=6, mtime=1_700_000_000),
        entry("bin/link", tarfile.SYMTYPE, linkname="sh"),
        entry("bin/hard", tarfile.LNKTYPE, linkname="bin/sh"),
        entry("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3),
        entry("etc", tarfile.DIRTYPE, mode=0o700),
        entry("run/pipe", tarfile.FIFOTYPE),
        format=format,
    )
    found = {each.path: each for each in read(content)}
    assert {path: each.type for path, each in found.items()} == {
        "bin/sh": "file", "bin/link": "symlink", "bin/hard": "hardlink", "dev/null": "char", "etc": "dir",
        "run/pipe": "fifo",
    }  # fmt: skip
    shell = found["bin/sh"]
    assert (shell.size, shell.mode, shell.uid, shell.gid, shell.mtime) == (700, 0o4755, 5, 6, 1_700_000_000)
    assert content[shell.offset :][:700] == b"x" * 700
    assert (found["bin/link"].target, found["bin/hard"].target) == ("sh", "bin/sh")


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_and_large_numbers_are_read(format: int) -> None:
    found = read(
        tar(entry(LONG, size=3, uid=2**31), entry("l", tarfile.SYMTYPE, linkname=LONG), format=format)
    )
    assert [each.path for each in found] == [LONG, "l"]
    assert found[0].uid == 2**31
    assert found[1].target == LONG


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a/.."])
def test_a_path_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(OciError):
        read(tar(entry(name)))


def test_what_is_no_tar_or_not_complete_is_refused() -> None:
    whole = tar(entry("a", size=2000))
    for content in (b"no tar" * 200, whole[:1500], b"x"):
        with pytest.raises(OciError):
            read(content)
    assert read(b"") == []


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_tar, "LAYER_ENTRIES", 10)
    with pytest.raises(OciError) as caught:
        read(tar(*(entry(f"f{number}") for number in range(11))))
    assert caught.value.code == "limit_exceeded"


def test_a_header_of_a_gigabyte_is_not_read() -> None:
    header = bytearray(tar(entry("x", size=0), format=tarfile.GNU_FORMAT)[:512])
    header[156:157] = b"L"
    header[124:136] = b"%011o\0" % (2**30)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(OciError):
        read(bytes(header))


def test_changed_bytes_raise_nothing_else() -> None:
    chance, whole = random.Random(3), tar(entry(LONG, size=10), entry("b", tarfile.SYMTYPE, linkname="x"))
    for _ in range(1500):
        changed = bytearray(whole)
        for _time in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            read(bytes(changed[: chance.randrange(len(changed))]))
        except OciError:
            continue


def test_headers_that_say_more_of_a_file_are_not_counted_as_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_tar, "LAYER_ENTRIES", 10)
    monkeypatch.setattr(layer_tar, "_HEADERS", 30)
    for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        names = [f"{LONG}{number}" for number in range(10)]
        whole = tar(*(entry(name, tarfile.SYMTYPE, linkname=LONG) for name in names), format=format)
        assert [each.path for each in read(whole)] == names
    only = pax(b"10 a=1234\n") * 31
    with pytest.raises(OciError) as caught:
        read(only)
    assert caught.value.code == "limit_exceeded"


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """An extended header with these records."""
    header = bytearray(tar(entry("x"), format=tarfile.USTAR_FORMAT)[:512])
    header[156:157], header[124:136] = kind, b"%011o\0" % len(records)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + records + bytes(-len(records) % 512)


def test_the_time_of_records_grows_with_their_number_and_no_faster() -> None:
    def seconds(count: int) -> float:
        whole = pax(b"9 a=1234\n" * count) + tar(entry("a"))
        start = time.process_time()
        read(whole)
        return time.process_time() - start

    seconds(100)
    # Ten times as many take ten times as long; with a copy of the rest for each they took a hundred times.
    assert seconds(110_000) < 40 * seconds(11_000) + 0.1


def test_records_that_nothing_is_made_of_are_not_kept() -> None:
    keys = b"".join(b"14 k%07x=1\n" % number for number in range(20_000))
    whole = b"".join(pax(keys.replace(b"k0", b"%c0" % letter), b"g") for letter in b"abcd")
    whole += tar(entry("a", size=3))
    tracemalloc.start()
    try:
        assert [each.path for each in read(whole)] == ["a"]
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
