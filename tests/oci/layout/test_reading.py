"""What an archive of images is, and how much of one is kept while it is read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from oci.errors import OciError
from oci.layout import files as files_module
from oci.layout import tar_index
from oci.layout.files import GzipFile, ZstdFile, open_file
from oci.layout.kept_index import indexed
from oci.layout.reading import read_archive
from testbed.images import random_image
from tests.oci.layout.opening import INDEX, ONE, archive_of, refusal
from tests.support.content.archives import LAYOUT, REF_NAME, blobs_of, layout, tar, volumes, write


@pytest.mark.parametrize("cap", ["ARCHIVE_MEMBERS", "ARCHIVE_NAMES_CHARS"])
def test_all_volumes_of_a_bundle_have_one_bound_of_members_and_of_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cap: str
) -> None:
    made = volumes({"app:1": ONE}, 2)
    names = ["oci-layout", "index.json"] * 2 + [f"blobs/{d.replace(':', '/')}" for d in blobs_of([ONE])]
    most = len(names) if cap == "ARCHIVE_MEMBERS" else sum(map(len, names))
    monkeypatch.setattr(tar_index, cap, most)
    archive_of(tmp_path, *made).close()
    monkeypatch.setattr(tar_index, cap, most - 1)
    assert f"more than {most - 1} " in refusal(tmp_path, *made)


def test_what_an_index_that_was_kept_lists_counts_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [gzip.compress(each) for each in volumes({"app:1": ONE}, 2)]
    files = [open_file(write(tmp_path / f"{number}.tar", each), "f") for number, each in enumerate(made)]
    beside = {file: tmp_path / f"{number}.index" for number, file in enumerate(files)}
    most = 4 + len(blobs_of([ONE]))
    read_archive(files, lambda file: indexed(file, beside[file]))
    monkeypatch.setattr(tar_index, "ARCHIVE_MEMBERS", most)
    kept = [dict(file.kept) for file in files]
    read_archive(files, lambda file: indexed(file, beside[file]))
    assert [file.kept for file in files] == kept
    monkeypatch.setattr(tar_index, "ARCHIVE_MEMBERS", most - 1)
    with pytest.raises(OciError, match="more than"):
        read_archive(files, lambda file: indexed(file, beside[file]))
    for file in files:
        file.close()


def test_compressed_volumes_keep_no_more_together_than_one_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "_SMALL_BYTES_ALL", 6_000)
    monkeypatch.setattr(files_module, "_POINT_BYTES", 1_000)
    monkeypatch.setattr(files_module, "_POINTS", 8)
    large = random_image([60_000] * 12, seed=4)
    packed = volumes({"app:1": large}, 12)
    zipped = archive_of(tmp_path, *map(gzip.compress, packed))
    assert 0 < sum(len(each) for file in zipped.files for each in file.kept.values()) <= 6_000
    places = [len(file._points) for file in zipped.files if isinstance(file, GzipFile)]
    assert places == [1] * 12, "the beginning of each, and nothing besides"
    zipped.close()
    pressed = archive_of(tmp_path, *map(zstandard.ZstdCompressor().compress, packed))
    ready = [file for file in pressed.files if isinstance(file, ZstdFile) and file._left is not None]
    assert len(ready) == 4
    content = blobs_of([large])
    assert {d: pressed.content(d, place, 10**6) for d, place in pressed.places.items()} == content
    pressed.close()


def test_other_files_than_archives_of_images_are_refused(tmp_path: Path) -> None:
    assert "neither an index.json" in refusal(tmp_path, tar([("hello", b"world")]))
    assert "its index.json" in refusal(tmp_path, tar([("oci-layout", LAYOUT), ("index.json", b"{")]))
    bad = tar([("oci-layout", LAYOUT), ("index.json", b'{"schemaVersion":2}'), ("blobs/sha256/XY", b"")])
    assert "not named by a digest" in refusal(tmp_path, bad)
    two = layout({"a:1": ONE}).replace(b"", b"")
    assert archive_of(tmp_path, two).images
    index = {
        "schemaVersion": 2,
        "manifests": [each.manifest.descriptor(annotations={REF_NAME: "a:1"}) for each in (ONE, INDEX)],
    }
    clash = tar([("oci-layout", LAYOUT), ("index.json", json.dumps(index).encode())])
    assert "two different images with the name a:1" in refusal(tmp_path, clash)
