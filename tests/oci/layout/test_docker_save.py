"""Files of docker save: layers keep their bytes, and links lead nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oci.layout import docker_save as docker_save_module
from oci.spec.digest import digest_of
from tests.oci.layout.opening import archive_of, refusal
from tests.support.content.archives import docker_save, plain_image, tar


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
