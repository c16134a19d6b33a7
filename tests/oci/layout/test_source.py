"""An archive is copied as a registry is, and what was changed in it reaches no tag."""

from __future__ import annotations

import json
import random
from contextlib import closing
from pathlib import Path

import pytest

from oci.copy.image_copier import CopyResult
from oci.errors import OciError
from oci.layout.archive import Archive
from oci.layout.files import open_file
from oci.layout.reading import read_archive
from oci.layout.source import ArchiveSource
from stack.sample import Blob, Image, image_of, index_of
from testbed.images import random_image, random_layer
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import copier, run
from tests.support.content.archives import blobs_of, docker_save, layout, plain_image, tar, write

ONE = random_image([300_000, 5_000], seed=1)
INDEX = index_of([random_image([40_000], seed=2), random_image([50_000], seed=3, platform="linux/arm64")])


def opened(path: Path, content: bytes) -> Archive:
    return read_archive([open_file(write(path / "file.tar", content), "file.tar")])


def bring(archive: Archive, image: str, target: ScriptedRegistry) -> CopyResult:
    name = image.partition(":")[0]
    return run(copier(ArchiveSource(archive, name), target, image, to=f"team/{image}"))


def refers_to(subject: Image, *, text: str = "signed") -> Image:
    layer = Blob("text/plain", text.encode())
    config = Blob("application/vnd.oci.empty.v1+json", b"{}")
    document = {
        "schemaVersion": 2,
        "mediaType": ONE.manifest.media_type,
        "artifactType": "application/vnd.example.signature",
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
        "subject": subject.manifest.descriptor(),
    }
    return Image(Blob(ONE.manifest.media_type, json.dumps(document).encode()), (config, layer))


def test_images_of_a_layout_arrive_byte_by_byte(tmp_path: Path, target: ScriptedRegistry) -> None:
    archive = opened(tmp_path, layout({"app:1": ONE, "all:2": INDEX}))
    for name, image in (("app:1", ONE), ("all:2", INDEX)):
        assert bring(archive, name, target).image.digest == image.digest
    there = target.repository("team/all")
    assert there.manifests["2"] == (INDEX.manifest.media_type, INDEX.manifest.data)
    assert there.blobs == {blob.digest: blob.data for blob in INDEX.all_blobs()}
    archive.close()


def test_what_refers_to_an_image_comes_along(tmp_path: Path, target: ScriptedRegistry) -> None:
    signature, old_style = refers_to(ONE), image_of([random_layer(3_000, seed=77)])
    tag = f"app:{ONE.digest.replace(':', '-')}.sig"
    archive = opened(tmp_path, layout({"app:1": ONE, tag: old_style}, unnamed=[signature]))
    assert bring(archive, "app:1", target).referrers == 2
    there = target.repository("team/app")
    assert signature.digest in there.manifests
    assert tag.partition(":")[2] in there.manifests
    archive.close()


def test_layers_of_a_docker_save_file_arrive_as_they_are(tmp_path: Path, target: ScriptedRegistry) -> None:
    image, layers = plain_image([200_000, 4_000], seed=4)
    archive = opened(tmp_path, docker_save({"nginx:1.27": (image, layers)}, linked=True))
    bring(archive, "nginx:1.27", target)
    assert set(target.repository("team/nginx").blobs.values()) == {image.blobs[0].data, *layers}
    archive.close()


def test_any_changed_byte_of_content_is_refused_by_its_digest_and_no_tag_moves(
    tmp_path: Path, target: ScriptedRegistry
) -> None:
    before = bring(opened(tmp_path, layout({"app:1": INDEX})), "app:1", target).image.digest
    content = layout({"app:1": ONE})
    chance = random.Random(7)
    for digest, data in blobs_of([ONE]).items():
        start = content.index(data)
        for at in {start, start + len(data) - 1, start + chance.randrange(len(data))}:
            changed = bytearray(content)
            changed[at] ^= 0x01
            archive = opened(tmp_path, bytes(changed))
            with pytest.raises(OciError) as caught:
                bring(archive, "app:1", target)
            archive.close()
            assert caught.value.code == "bundle_invalid", caught.value
            assert digest in str(caught.value)
            there = target.repository("team/app")
            assert there.manifests["1"][1] == INDEX.manifest.data
            for each in (blob.digest for blob in ONE.all_blobs()):
                there.blobs.pop(each, None)
    assert before == INDEX.digest


def test_of_two_hundred_files_with_one_flipped_bit_none_brings_anything_else(
    tmp_path: Path, target: ScriptedRegistry
) -> None:
    before = random_image([2_000], seed=11)
    bring(opened(tmp_path, layout({"app:1": before})), "app:1", target)
    image = random_image([9_000, 4_000], seed=12)
    content, chance, refused = layout({"app:1": image}), random.Random(8), 0
    index = content.index(b'{"schemaVersion"')
    places = [chance.randrange(len(content)) for _ in range(150)]
    places += [chance.randrange(index, index + 400) for _ in range(50)]
    there = target.repository("team/app")
    for at in places:
        changed = bytearray(content)
        changed[at] ^= 1 << chance.randrange(8)
        try:
            archive = opened(tmp_path, bytes(changed))
            with closing(archive):
                found = bring(archive, "app:1", target).image.digest
        except OciError:
            refused += 1
            assert there.manifests["1"][1] == before.manifest.data, at
        else:
            assert found == image.digest, (
                "what no digest covers, such as a size in the index, changes nothing"
            )
            there.manifests["1"] = (before.manifest.media_type, before.manifest.data)
        for each in image.all_blobs():
            there.blobs.pop(each.digest, None)
    assert refused > 180


def test_what_the_archive_lacks_is_named_where_the_target_lacks_it_too(
    tmp_path: Path, target: ScriptedRegistry
) -> None:
    layer = ONE.blobs[1]
    kept = [digest for digest in blobs_of([ONE]) if digest != layer.digest]
    archive = opened(tmp_path, layout({"app:1": ONE}, only=kept))
    with pytest.raises(OciError) as caught:
        bring(archive, "app:1", target)
    assert caught.value.code == "bundle_incomplete"
    assert layer.digest in str(caught.value)
    target.repository("team/app").blobs[layer.digest] = layer.data
    assert bring(archive, "app:1", target).image.digest == ONE.digest
    archive.close()


def test_a_name_that_it_does_not_have_is_not_found(tmp_path: Path, target: ScriptedRegistry) -> None:
    archive = opened(
        tmp_path,
        tar([("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", b'{"schemaVersion":2}')]),
    )
    with pytest.raises(OciError) as caught:
        bring(archive, "app:1", target)
    assert caught.value.code == "not_found"
    archive.close()
