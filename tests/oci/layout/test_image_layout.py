"""Image layouts in one file or in volumes, and what is wrong with those that are refused."""

from __future__ import annotations

from pathlib import Path

from oci.layout.annotations import BUNDLE_BASE
from testbed.images import random_image
from tests.oci.layout.opening import INDEX, ONE, archive_of, refusal
from tests.support.content.archives import BUNDLE_ID, blobs_of, docker_save, layout, plain_image, volumes


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


def test_a_layout_has_no_links(tmp_path: Path) -> None:
    import io
    import tarfile

    buffer = io.BytesIO(layout({"a:1": ONE}))
    with tarfile.open(fileobj=buffer, mode="a") as made:
        entry = tarfile.TarInfo("blobs/sha256/" + "0" * 64)
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(entry)
    assert "is a link" in refusal(tmp_path, buffer.getvalue())


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
