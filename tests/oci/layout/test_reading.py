"""Archives of all writers, and what is wrong with those that are refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import zstandard

from oci.errors import OciError
from oci.layout import docker_save as docker_save_module
from oci.layout import files as files_module
from oci.layout import tar_index
from oci.layout.annotations import BUNDLE_BASE
from oci.layout.archive import Archive
from oci.layout.files import GzipFile, ZstdFile, open_file
from oci.layout.kept_index import indexed
from oci.layout.reading import read_archive
from oci.spec.digest import digest_of
from stack.sample import Image, index_of
from testbed.images import random_image
from tests.support.content.archives import (
    BUNDLE_ID,
    IMAGE_NAME,
    LAYOUT,
    REF_NAME,
    blobs_of,
    docker_save,
    layout,
    plain_image,
    tar,
    volumes,
    write,
)

ONE = random_image([9_000, 5_000], seed=1)
INDEX = index_of([random_image([4_000], seed=2), random_image([3_000], seed=3, platform="linux/arm64")])


def archive_of(path: Path, *contents: bytes, names: Sequence[str] = ()) -> Archive:
    called = names or [f"file{number}.tar" for number in range(len(contents))]
    files = [
        open_file(write(path / name, content), name) for name, content in zip(called, contents, strict=True)
    ]
    try:
        return read_archive(files)
    except BaseException:
        for file in files:
            file.close()
        raise


def refusal(path: Path, *contents: bytes, code: str = "bundle_invalid", names: Sequence[str] = ()) -> str:
    with pytest.raises(OciError) as caught:
        archive_of(path, *contents, names=names)
    assert caught.value.code == code
    return str(caught.value)


def named(image: Image, annotations: dict[str, str]) -> bytes:
    index = {"schemaVersion": 2, "manifests": [image.manifest.descriptor(annotations=annotations)]}
    members = [("oci-layout", LAYOUT), ("index.json", json.dumps(index).encode())]
    return tar([*members, *((f"blobs/{d.replace(':', '/')}", c) for d, c in blobs_of([image]).items())])


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


def test_a_layout_has_its_images_by_name_and_every_blob(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, layout({"team/app:1": ONE, "team/all:2": INDEX}))
    assert {name: found.digest for name, found in archive.images.items()} == {
        "team/app:1": ONE.digest,
        "team/all:2": INDEX.digest,
    }
    content = blobs_of([ONE, INDEX])
    assert {d: archive.content(d, place, 10**6) for d, place in archive.places.items()} == content
    assert archive.manifest(INDEX.digest).is_index
    archive.close()


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ({REF_NAME: "nginx:1.27"}, "nginx:1.27"),
        ({REF_NAME: "1.27", IMAGE_NAME: "docker.io/library/nginx:1.27"}, "nginx:1.27"),
        ({IMAGE_NAME: "ghcr.io/team/app:v1"}, "team/app:v1"),
        ({REF_NAME: "localhost:5000/team/app:v1"}, "team/app:v1"),
        ({REF_NAME: "team/app"}, "team/app:latest"),
        ({REF_NAME: "1.27"}, "my-file:1.27"),
        ({}, "my-file:latest"),
        ({REF_NAME: "nginx:1.27@sha256:" + "0" * 64}, "nginx:1.27"),
        ({REF_NAME: "UPPER:1"}, "my-file:latest"),
    ],
)
def test_images_are_called_as_their_writers_call_them(
    tmp_path: Path, annotations: dict[str, str], name: str
) -> None:
    archive = archive_of(tmp_path, named(ONE, annotations), names=["My File.tar.gz"])
    assert list(archive.images) == [name]
    archive.close()


@pytest.mark.parametrize("linked", [False, True])
def test_a_docker_save_file_gives_images_whose_layers_keep_their_bytes(tmp_path: Path, linked: bool) -> None:
    image, layers = plain_image([6_000, 4_000], seed=4)
    archive = archive_of(tmp_path, docker_save({"nginx:1.27": (image, layers)}, linked=linked))
    manifest = archive.manifest(archive.images["nginx:1.27"].digest)
    assert manifest.config is not None
    assert manifest.config.digest == image.blobs[0].digest
    found = [archive.content(each.digest, archive.places[each.digest], 10**6) for each in manifest.layers]
    assert found == layers
    assert {each.media_type for each in manifest.layers} == {"application/vnd.oci.image.layer.v1.tar"}
    archive.close()


def test_links_of_a_docker_save_file_lead_to_its_own_members_only(tmp_path: Path) -> None:
    import io
    import tarfile

    for target in ("/etc/passwd", "../../etc/passwd", "nowhere", "loop"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as made:
            entry = tarfile.TarInfo("loop")
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            made.addfile(entry)
            listed = json.dumps([{"Config": "loop", "Layers": [], "RepoTags": None}]).encode()
            entry = tarfile.TarInfo("manifest.json")
            entry.size = len(listed)
            made.addfile(entry, io.BytesIO(listed))
        assert "doesn't lead to a file" in refusal(tmp_path, buffer.getvalue())


def test_a_layout_has_no_links(tmp_path: Path) -> None:
    import io
    import tarfile

    buffer = io.BytesIO(layout({"a:1": ONE}))
    with tarfile.open(fileobj=buffer, mode="a") as made:
        entry = tarfile.TarInfo("blobs/sha256/" + "0" * 64)
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(entry)
    assert "is a link" in refusal(tmp_path, buffer.getvalue())


def test_a_configuration_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    image, layers = plain_image([4_000], seed=5)
    content = docker_save({"nginx:1.27": (image, layers)})
    changed = content.replace(b"linux", b"linuX")
    assert image.blobs[0].digest in refusal(tmp_path, changed)


def test_a_configuration_and_a_layer_that_many_entries_share_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, _ = plain_image([4_000], seed=5)
    config, layer = image.blobs
    names = [f"{blob.digest.partition(':')[2]}" for blob in (config, layer)]
    entries = [
        {"Config": f"{names[0]}.json", "RepoTags": [f"app:{number}"], "Layers": [f"{names[1]}.tar"]}
        for number in range(50)
    ]
    members = [(f"{names[0]}.json", config.data), (f"{names[1]}.tar", layer.data)]
    hashed: list[int] = []

    def counted(body: bytes) -> str:
        hashed.append(len(body))
        return digest_of(body)

    monkeypatch.setattr(docker_save_module, "digest_of", counted)
    archive = archive_of(tmp_path, tar([*members, ("manifest.json", json.dumps(entries).encode())]))
    assert len(archive.images) == 50
    assert hashed.count(len(config.data)) == 1
    archive.close()


def test_a_list_of_what_was_left_out_that_is_no_list_is_refused(tmp_path: Path) -> None:
    for base in ("[" * 100_000, "{", '"a"', '[["sha256:a"]]', "\ud800"):
        said = refusal(tmp_path, layout({"a:1": ONE}, annotations={BUNDLE_BASE: base}))
        assert "can't read its index.json" in said


def test_volumes_are_one_archive_in_any_order_and_under_any_name(tmp_path: Path) -> None:
    first, second, third = volumes({"a:1": ONE, "b:1": INDEX}, 3)
    archive = archive_of(tmp_path, third, first, second, names=["x.tar", "renamed", "y.tar.2"])
    assert set(archive.places) == set(blobs_of([ONE, INDEX]))
    assert set(archive.images) == {"a:1", "b:1"}
    archive.close()


def test_a_volume_that_is_lost_doubled_or_a_strangers_is_named(tmp_path: Path) -> None:
    first, second, third = volumes({"a:1": ONE, "b:1": INDEX}, 3)
    assert "volume 2/3 is missing" in refusal(tmp_path, first, third, code="bundle_incomplete")
    assert "file0.tar" in (said := refusal(tmp_path, first, second, first, third))
    assert "file2.tar" in said
    assert "both volume 1/3" in said
    stranger = layout({"c:1": random_image([100], seed=9)})
    said = refusal(tmp_path, first, second, third, stranger, names=["a.1", "a.2", "a.3", "a.4"])
    assert said.startswith("a.4 is not a volume of the same bundle")
    other = volumes({"a:1": ONE}, 3, bundle="b2")[1]
    assert "file1.tar is not a volume" in refusal(tmp_path, first, other, third)
    saved = docker_save({"n:1": plain_image([4_000])})
    assert "file1.tar is not a volume" in refusal(tmp_path, first, saved)


def test_a_volume_without_one_of_its_blobs_is_refused(tmp_path: Path) -> None:
    kept = sorted(blobs_of([ONE]))
    told = {BUNDLE_ID: "b", "com.registry-portal.bundle.digests": "0" * 64}
    assert "not what its index.json lists" in refusal(
        tmp_path, layout({"a:1": ONE}, annotations=told, only=kept[1:])
    )


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
