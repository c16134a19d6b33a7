"""Out as files and in again: the same digests byte for byte, with signatures; files of other tools as well."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.worker import attempt, leases
from projects.models import Image as Row
from stack.sample import DOCKER_LAYER_GZIP, Image, file_layer, image_of, sample_image
from testbed.engine import DockerEngine
from testbed.images import random_layer
from testbed.services import RegistryServer
from tests.imageimport.bundles.conftest import Giving
from tests.imageimport.policy.signed_images import KEY, trusted
from tests.imageimport.uploading import upload
from tests.oci.attachments import cosign_tag
from tests.support.content.bundles import fetch, fill_rest
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _directory(settings: Any, tmp_path: Path) -> None:
    settings.UPLOADS_DIR = tmp_path / "uploads"


def bring(team: Team, *ids: str, **more: Any) -> dict[str, ImportTask]:
    """Import all of these files; the ended imports by their targets."""
    body = {"uploads": list(ids), **more}
    answer = call("POST", f"/projects/{team.project.pk}/bundles/import", body, team.bearer("developer"))
    assert answer.status_code == 202, answer.content
    while (lease := leases.claim(worker="test:1")) is not None:
        attempt.run(lease)
    rows = ImportTask.objects.filter(batch=answer.json()["id"])
    return {f"{row.target_name}:{row.target_tag}": row for row in rows}


def volumes_of(giving: Giving, made: dict[str, Any]) -> list[bytes]:
    return [fetch(each["url"], giving.team.bearer("viewer"))[1] for each in made["volumes"]]


@pytest.mark.parametrize("volume_bytes", [None, 1_500_000])
def test_what_goes_out_comes_in_byte_for_byte(
    giving: Giving, new_team: Callable[[], Team], tmp_path: Path, volume_bytes: int | None
) -> None:
    images = giving.images | fill_rest(giving.own, giving.team, KEY)
    assert len(images) == 20
    more: dict[str, Any] = {} if volume_bytes is None else {"volume_bytes": volume_bytes}
    files = volumes_of(giving, giving.make(*images, **more).json())
    assert (len(files) > 1) == (volume_bytes is not None)
    if volume_bytes is None:
        _others_read(giving, files[0], images, tmp_path)
    random.Random(3).shuffle(files)
    team = new_team()
    trusted(team.project)
    ids = [upload(team.project, content, f"b{number}.tar") for number, content in enumerate(files)]
    done = bring(team, *ids)
    assert {row.error for row in done.values()} == {""}
    assert set(done) == set(images)
    for name, image in images.items():
        repository, _, tag = name.partition(":")
        there = giving.own.verify(f"{team.project.name}/{repository}", tag)
        assert there.digest == image.digest
    signed = images["single:1"]
    for suffix in (".sig", ""):
        assert giving.own.verify(f"{team.project.name}/single", cosign_tag(signed, suffix))
    proved = {name: row.signature for name, row in done.items() if name.startswith("signed/")}
    assert len(proved) == 3
    for name, signature in proved.items():
        assert signature is not None
        assert (signature["state"], signature["at_target"]) == ("verified", True), name


def _others_read(giving: Giving, content: bytes, images: Mapping[str, Image], tmp_path: Path) -> None:
    """tar, umoci and skopeo find in the file what is in it. (What skopeo copies of the images that every test has:
    ``tests/imageimport/management/commands/test_exportbundle.py``.)
    """
    file, layout = tmp_path / "all.tar", tmp_path / "layout"
    file.write_bytes(content)
    layout.mkdir()
    listed = _said("tar", "-xvf", str(file), "-C", str(layout))
    assert len(set(listed)) == len(listed)
    named = set(_said("umoci", "ls", "--layout", str(layout)))
    assert named >= set(images)
    assert {cosign_tag(images[name], ".sig") for name in ("single:1", "signed/old:1", "signed/both:1")} == {
        name.partition(":")[2] for name in named - set(images)
    }
    project = giving.team.project.name
    for number, name in enumerate(("zstd:1", "attested:1", "signed/both:1")):
        target = f"docker://{giving.own.host}/{project}/read{number}:1"
        options = ("--all", "--preserve-digests", "--dest-tls-verify=false")
        skopeo("copy", *options, f"oci-archive:{file}:{name}", target)
        assert giving.own.verify(f"{project}/read{number}", "1").digest == images[name].digest


def _said(*command: str) -> list[str]:
    """The lines that a program prints."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return done.stdout.splitlines()


def test_a_bundle_against_a_receipt_needs_what_it_left_out(
    giving: Giving, new_team: Callable[[], Team]
) -> None:
    first = volumes_of(giving, giving.make("six:1").json())[0]
    team = new_team()
    bring(team, upload(team.project, first))
    receipt = json.loads(fetch(f"/api/v1/projects/{team.project.pk}/receipt", team.bearer("viewer"))[1])
    made = giving.make("six:2", known=receipt).json()
    second = volumes_of(giving, made)[0]
    assert len(second) < len(first) / 2
    bare = new_team()
    body = {"uploads": [upload(bare.project, second)]}
    refused = call("POST", f"/projects/{bare.project.pk}/bundles/import", body, bare.bearer("developer"))
    assert (refused.status_code, refused.json()["code"]) == (400, "bundle_incomplete")
    assert len(refused.json()["missing"]) == 5
    assert not Row.objects.filter(project=bare.project).exists()
    done = bring(team, upload(team.project, second), target_prefix="moved")
    assert done["moved/six:2"].status == Status.SUCCESS, done["moved/six:2"].error
    assert giving.own.verify(f"{team.project.name}/moved/six", "2").digest == giving.images["six:2"].digest


def skopeo(*arguments: str) -> None:
    subprocess.run(["skopeo", "--insecure-policy", *arguments], check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize("packed", [False, True])
def test_archives_of_skopeo_are_imported(
    own: RegistryServer, new_team: Callable[[], Team], packed: bool
) -> None:
    team, source = new_team(), new_team().project.name
    image = image_of([file_layer({"a": b"1"}), random_layer(40_000, seed=31)])
    docker = image_of([file_layer({"b": b"2"}, media_type=DOCKER_LAYER_GZIP)], docker=True)
    index = sample_image()
    for name, each in {"one": image, "docker": docker, "all": index}.items():
        own.push(f"{source}/{name}", "1", each)
    with tempfile.TemporaryDirectory() as directory:
        for name, options, to in (
            ("one", (), "oci-archive:{}:one:1"),
            ("all", ("--all",), "oci-archive:{}:all:1"),
            ("docker", (), "docker-archive:{}:example.com/team/docker:1"),
        ):
            file = Path(directory, f"{name}.tar")
            place = f"docker://{own.host}/{source}/{name}:1"
            skopeo("copy", "--src-tls-verify=false", *options, place, to.format(file))
            content = gzip.compress(file.read_bytes(), 1) if packed else file.read_bytes()
            done = bring(team, upload(team.project, content, file.name))
            assert [row.status for row in done.values()] == [Status.SUCCESS], [r.error for r in done.values()]
    assert giving_digest(own, team, "one") == image.digest
    assert giving_digest(own, team, "all") == index.digest
    assert own.verify(f"{team.project.name}/team/docker", "1").digest


def giving_digest(own: RegistryServer, team: Team, name: str) -> str:
    return own.verify(f"{team.project.name}/{name}", "1").digest


def test_docker_loads_an_export_of_one_platform_and_what_it_saves_is_imported(
    giving: Giving, new_team: Callable[[], Team], docker_engine: DockerEngine, tmp_path: Path
) -> None:
    image = giving.images["multi:1"].children[0]
    config, name = json.loads(image.blobs[0].data), f"{giving.team.project.name}/multi:1"
    (content,) = volumes_of(giving, giving.make("multi:1", platforms=[image.platform]).json())
    bundle, loaded, saved = tmp_path / "bundle.tar", tmp_path / "loaded.tar", tmp_path / "saved.tar"
    bundle.write_bytes(content)
    listed = subprocess.run(["tar", "tf", bundle], check=True, capture_output=True, text=True).stdout.split()
    assert len(set(listed)) == len(listed)
    skopeo("copy", f"oci-archive:{bundle}:multi:1", f"docker-archive:{loaded}:{name}")
    docker_engine.docker("load", "-i", str(loaded))
    (shown,) = json.loads(docker_engine.docker("image", "inspect", name))
    assert shown["RootFS"]["Layers"] == config["rootfs"]["diff_ids"]
    docker_engine.docker("save", "-o", str(saved), name)
    team = new_team()
    done = bring(team, upload(team.project, saved.read_bytes(), "saved.tar"))
    assert [row.status for row in done.values()] == [Status.SUCCESS], [row.error for row in done.values()]
    (row,) = done.values()
    found = giving.own.verify(f"{team.project.name}/{row.target_name}", row.target_tag)
    assert found.blobs == len(image.blobs), (
        "its configuration, and each layer with the bytes that Docker saved"
    )
