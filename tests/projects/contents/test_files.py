"""Files of images, read by a worker from a real registry."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import shutil
import tarfile
from contextlib import ExitStack
from typing import Any

import pytest
from django.utils import timezone

from oci.contents.file_index import Record
from oci.errors import OciError
from projects.contents import files, indexing
from projects.contents.reading import opened_place
from projects.models import ImageBlob, LayerIndex, LayerIndexPart, Project
from projects.places import PER_USER
from stack.sample import OCI_LAYER, Blob, Image, Layer, file_layer
from testbed.services import RegistryServer
from tests.support.content.inside import as_json, holding, made, row_of
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db
CONFIG = {"os": "linux", "architecture": "amd64"}


@pytest.fixture
def team(registry: RegistryServer, settings: Any) -> Team:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    return Team.make("filesof")


def tar_layer(*entries: tuple[str, bytes, str, bytes]) -> Layer:
    """A plain layer of (name, type, link target, content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, target, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size, entry.mode = kind, target, len(content), 0o755
            entry.mtime = 1_700_000_000
            archive.addfile(entry, io.BytesIO(content))
    return Layer(Blob(OCI_LAYER, buffer.getvalue()), "")


LAYERS = [
    file_layer({"etc/passwd": b"root:x:0:0\n", "etc/old": b"old", "bin/sh": b"\x7fELF\0"}),
    tar_layer(
        ("etc/.wh.old", tarfile.REGTYPE, "", b""),
        ("etc/new", tarfile.REGTYPE, "", b"new\n"),
        ("lib", tarfile.SYMTYPE, "etc", b""),
        ("out", tarfile.SYMTYPE, "../../../../etc/passwd", b""),
        ("hard", tarfile.LNKTYPE, "etc/new", b""),
        ("circle", tarfile.SYMTYPE, "circle", b""),
        ("large", tarfile.REGTYPE, "", bytes(1024 * 1024 + 1)),
    ),
]


def ask(team: Team, row: Any, tail: str, status: int = 200) -> Any:
    answer = call("GET", f"/projects/{team.project.pk}/images/{row.pk}/{tail}", headers=team.bearer("viewer"))
    assert answer.status_code == status, answer.content
    return answer


def indexed(team: Team, registry: RegistryServer, name: str, layers: list[Layer]) -> Any:
    image = made(CONFIG, layers)
    registry.push(f"filesof/{name}", "1", image)
    row = row_of(team.project, name, "1", image)
    indexing.index_image(row.pk, "", stop=lambda: False)
    return row


def test_files_are_indexed_once_and_then_listed_searched_and_read(
    team: Team, registry: RegistryServer
) -> None:
    image = made(CONFIG, LAYERS)
    registry.push("filesof/app", "1", image)
    row = row_of(team.project, "app", "1", image)
    wanted: list[Any] = []
    indexing.when_wanted.append(lambda *asked: wanted.append(asked))
    try:
        answer = ask(team, row, "files", 202)
    finally:
        indexing.when_wanted.pop()
    assert answer.json() == {"state": "indexing", "progress": 0}
    assert wanted == [(row.pk, "", team.users["viewer"].pk)]
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 2
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 0

    found = ask(team, row, "files?path=/etc").json()
    assert found["path"] == "/etc"
    assert [(each["name"], each["type"]) for each in found["entries"]] == [
        ("new", "file"),
        ("passwd", "file"),
    ]
    new = found["entries"][0]
    assert new == {
        "name": "new", "path": "/etc/new", "type": "file", "size": 4, "mode": "0755", "uid": 0, "gid": 0,
        "mtime": "2023-11-14T22:13:20.000000Z", "target": "", "layer": LAYERS[1].blob.digest,
    }  # fmt: skip
    root = ask(team, row, "files?page_size=2").json()
    assert [each["name"] for each in root["entries"]] == ["bin", "circle"]
    assert root["next"] and root["previous"] is None
    assert [each["path"] for each in ask(team, row, "files?search=PASS").json()["entries"]] == ["/etc/passwd"]
    # A link is followed, inside the image only.
    assert ask(team, row, "files?path=/lib").json()["path"] == "/etc"
    for path in ("/etc/new", "/lib/new", "/hard"):
        assert ask(team, row, f"files/content?path={path}").content == b"new\n"
    secret = ask(team, row, "files/content?path=/out")
    assert secret.content == b"root:x:0:0\n"
    assert secret["Content-Disposition"] == 'attachment; filename="out"'
    assert secret["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in secret["Content-Security-Policy"]
    assert ask(team, row, "files/content?path=/bin/sh")["Content-Type"] == "application/octet-stream"
    assert ask(team, row, "files/content?path=/large", 413).json()["code"] == "too_large"
    for path in ("/circle", "/etc", "/nothing", "/etc/../etc/new"):
        assert "path" in ask(team, row, f"files/content?path={path}", 400).json()
    assert "path" in ask(team, row, "files?path=/etc/new", 400).json()


def test_a_layer_that_is_no_tar_is_told_and_not_read_again(team: Team, registry: RegistryServer) -> None:
    row = indexed(team, registry, "broken", [Layer(Blob(OCI_LAYER, b"no tar" * 200), "")])
    answer = ask(team, row, "files", 422).json()
    assert answer["code"] == "files_unreadable"
    assert "tar" in answer["detail"]
    assert not LayerIndexPart.objects.exists()
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 0


def test_a_layer_that_a_manifest_only_names_is_not_shown(team: Team, registry: RegistryServer) -> None:
    """What a manifest says is a claim, whatever the registry lets in: the blob must be in the image's repository."""
    other = Team.make("filesother")
    secret = file_layer({"secret": b"of another project"})
    image = made(CONFIG, [secret])
    registry.push("filesother/app", "1", image)
    indexing.index_image(row_of(other.project, "app", "1", image).pk, "", stop=lambda: False)
    assert LayerIndex.objects.get(digest=secret.blob.digest).state == LayerIndex.State.DONE

    registry.push("filesof/thief", "1", image)
    repositories = registry.plan.directory / "data/docker/registry/v2/repositories"
    shutil.rmtree(repositories / "filesof/thief/_layers/sha256" / secret.blob.digest.partition(":")[2])
    row = row_of(team.project, "thief", "1", image)
    assert ask(team, row, "files", 409).json()["code"] == "layer_missing"
    assert ask(team, row, "files/content?path=/secret", 409).json()["code"] == "layer_missing"


def test_a_worker_that_stops_leaves_the_layer_to_the_next(team: Team, registry: RegistryServer) -> None:
    layer = file_layer({"a": b"1"})
    image = made(CONFIG, [layer])
    registry.push("filesof/stopped", "1", image)
    row = row_of(team.project, "stopped", "1", image)
    assert indexing.index_image(row.pk, "", stop=lambda: True) == 0
    LayerIndex.objects.create(digest=layer.blob.digest, bytes_done=5)
    assert ask(team, row, "files", 202).json()["state"] == "indexing"
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 1
    assert [each["name"] for each in ask(team, row, "files").json()["entries"]] == ["a"]


def resized(image: Image, size: int) -> Image:
    """The image with a manifest that names another size of its first layer."""
    body = json.loads(image.manifest.data)
    body["layers"][0]["size"] = size
    return Image(Blob(image.manifest.media_type, as_json(body)), image.blobs)


def test_what_one_manifest_says_wrongly_of_a_layer_is_told_there_and_nowhere_else(
    team: Team, registry: RegistryServer
) -> None:
    layer = file_layer({"shared": b"1" * 100})
    right = made(CONFIG, [layer])
    wrong = resized(right, 10)
    registry.push("filesof/wrong", "1", wrong)
    row = row_of(team.project, "wrong", "1", wrong)
    with pytest.raises(OciError):
        indexing.index_image(row.pk, "", stop=lambda: False)
    assert ask(team, row, "files", 502).json()["code"] == "digest_mismatch"
    # Another repository is not told of it, and its worker reads the layer at once.
    registry.push("filesof/right", "1", right)
    there = row_of(team.project, "right", "1", right)
    assert ask(team, there, "files", 202).json()["state"] == "indexing"
    assert indexing.index_image(there.pk, "", stop=lambda: False) == 1
    assert [each["name"] for each in ask(team, there, "files").json()["entries"]] == ["shared"]


def test_bytes_that_are_not_those_of_the_digest_say_nothing_about_the_layer(
    team: Team, registry: RegistryServer
) -> None:
    layer = file_layer({"a": b"1"})
    image = made(CONFIG, [layer])
    registry.push("filesof/damaged", "1", image)
    row = row_of(team.project, "damaged", "1", image)
    digits = layer.blob.digest.partition(":")[2]
    stored = registry.plan.directory / f"data/docker/registry/v2/blobs/sha256/{digits[:2]}/{digits}/data"
    stored.write_bytes(b"\x1f\x8b" + bytes(len(layer.blob.data) - 2))
    with pytest.raises(OciError) as caught:
        indexing.index_image(row.pk, "", stop=lambda: False)
    assert caught.value.code == "digest_mismatch"
    assert LayerIndex.objects.get().state == LayerIndex.State.READING
    stored.write_bytes(layer.blob.data)
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 1
    assert [each["name"] for each in ask(team, row, "files").json()["entries"]] == ["a"]


def test_a_worker_whose_claim_another_took_over_changes_nothing_of_what_that_one_read(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_TELL_SECONDS", 0)
    image = made(CONFIG, [file_layer({"a": b"1"})])
    registry.push("filesof/twice", "1", image)
    row = row_of(team.project, "twice", "1", image)
    asked: list[int] = []

    def slow() -> bool:
        """The claim ends while the worker reads, and another one reads the layer meanwhile."""
        asked.append(1)
        if len(asked) == 2:
            LayerIndex.objects.update(claimed_until=None)
            indexing.index_image(row.pk, "", stop=lambda: False)
        return False

    indexing.index_image(row.pk, "", stop=slow)
    assert len(asked) >= 2
    index = LayerIndex.objects.get()
    assert (index.state, index.parts.count()) == (LayerIndex.State.DONE, 1)
    assert [each["name"] for each in ask(team, row, "files").json()["entries"]] == ["a"]


def test_a_worker_that_expands_a_small_layer_for_long_keeps_its_claim_and_ends_when_it_is_told(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_TELL_SECONDS", 0)
    plain = tar_layer(("zeros", tarfile.REGTYPE, "", bytes(8 * 1024 * 1024)))
    image = made(CONFIG, [Layer(Blob(OCI_LAYER, gzip.compress(plain.blob.data)), "")])
    registry.push("filesof/zeros", "1", image)
    row = row_of(team.project, "zeros", "1", image)
    asked = itertools.count()
    assert indexing.index_image(row.pk, "", stop=lambda: next(asked) < 0) == 1
    assert next(asked) > 8 * 4
    LayerIndex.objects.all().delete()
    asked = itertools.count()
    indexing.index_image(row.pk, "", stop=lambda: next(asked) > 5)
    assert LayerIndex.objects.get().state == LayerIndex.State.READING


def test_parts_are_cut_by_their_bytes_as_well() -> None:
    records = [Record("/", f"{number:04}", type="symlink", target="t" * 4000) for number in range(200)]
    parts = list(indexing._parts(records))
    assert max(len(part.content) for part in parts) <= indexing.PART_BYTES + 2 * 1000
    assert len(parts) == 4
    assert [Record.load(row) for part in parts for row in json.loads(part.content)] == records
    assert [part.first for part in parts] == [Record.load(json.loads(part.content)[0]).key for part in parts]


@pytest.mark.parametrize("later", [("a", b"v2"), (".wh.a", b"")])
def test_a_hard_link_is_what_its_layer_saw_whatever_layers_above_make_of_its_target(
    team: Team, registry: RegistryServer, later: tuple[str, bytes]
) -> None:
    name, content = later
    layers = [
        tar_layer(("a", tarfile.REGTYPE, "", b"v1"), ("b", tarfile.LNKTYPE, "a", b"")),
        tar_layer((name, tarfile.REGTYPE, "", content)),
    ]
    row = indexed(team, registry, "hard", layers)
    assert ask(team, row, "files/content?path=/b").content == b"v1"


def test_a_file_whose_name_no_header_holds_is_read_under_another(
    team: Team, registry: RegistryServer
) -> None:
    row = indexed(team, registry, "odd", [tar_layer(("a\n\x85b", tarfile.REGTYPE, "", b"1"))])
    answer = ask(team, row, "files/content?path=/a%0A%C2%85b")
    assert (answer.content, answer["Content-Disposition"]) == (b"1", 'attachment; filename="a__b"')


def test_no_path_is_followed_for_ever_and_no_layer_holds_more_parts_than_all_may(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_PART_RECORDS", 1)
    monkeypatch.setattr(files, "_HELD", 2)
    layers = [tar_layer(*((f"{n}-{m}", tarfile.REGTYPE, "", b"") for m in range(4))) for n in range(3)]
    row = indexed(team, registry, "parts", layers)
    with opened_place(row, None) as place:
        found = files.files_of(place, row, "")
        assert isinstance(found, files.Files)
        assert len(list(found.view.list("/"))) == 12
        assert {id(layer._held) for layer in found.stored} == {id(found.stored[0]._held)}
        assert len(found.stored[0]._held) <= 2
        assert files.follow(found.view, "/" + "/".join(["0-0", ".."] * 400)) == "/"
        assert files.follow(found.view, "/" + "/".join(["0-0", ".."] * 501)) is None


def test_no_more_layers_are_read_at_once_than_there_are_places(team: Team, registry: RegistryServer) -> None:
    image = made(CONFIG, [file_layer({"b": b"1"})])
    registry.push("filesof/busy", "1", image)
    row = row_of(team.project, "busy", "1", image)
    for number in range(indexing.MAX_AT_ONCE):
        LayerIndex.objects.create(
            digest=f"sha256:{number}", claimed_until=indexing.CLAIMS.until(timezone.now())
        )
    assert indexing.index_image(row.pk, "", stop=lambda: False) == 0


def two_layered(team: Team, registry: RegistryServer, name: str) -> Any:
    image = made(CONFIG, [file_layer({name: b"1"}), file_layer({name: b"2"})])
    registry.push(f"filesof/{name}", "1", image)
    return row_of(team.project, name, "1", image)


def test_for_one_account_one_layer_is_read_at_a_time_and_another_has_its_own(
    team: Team, registry: RegistryServer
) -> None:
    images = [two_layered(team, registry, name) for name in ("one", "two", "three")]
    beside: list[int] = []

    def look_at_more() -> bool:
        if not beside:
            beside.append(-1)
            for image, reader in ((images[1], 1), (images[2], 2)):
                beside.append(indexing.index_image(image.pk, "", reader=reader, stop=lambda: False))
        return False

    assert indexing.index_image(images[0].pk, "", reader=1, stop=look_at_more) == 2
    assert beside == [-1, 0, 2]
    assert indexing.index_image(images[1].pk, "", reader=1, stop=lambda: False) == 2


def test_who_waits_for_a_worker_has_it_after_a_layer(team: Team, registry: RegistryServer) -> None:
    """All but one of the places are taken; an account with two layers has the last one."""
    for number in range(indexing.MAX_AT_ONCE - 1):
        LayerIndex.objects.create(
            digest=f"sha256:{number}", claimed_until=indexing.CLAIMS.until(timezone.now())
        )
    first, second = (two_layered(team, registry, name) for name in ("first", "second"))
    calls = itertools.count()
    waited: list[int] = []

    def another_asks() -> bool:
        if next(calls) == 1:  # the first layer is being read
            waited.append(indexing.index_image(second.pk, "", reader=2, stop=lambda: False))
        return False

    assert indexing.index_image(first.pk, "", reader=1, stop=another_asks) == 1
    assert waited == [0]
    assert indexing.index_image(first.pk, "", reader=1, stop=lambda: False) == 0
    # They take turns, layer by layer.
    assert indexing.index_image(second.pk, "", reader=2, stop=lambda: False) == 1
    assert indexing.index_image(first.pk, "", reader=1, stop=lambda: False) == 1
    assert indexing.index_image(second.pk, "", reader=2, stop=lambda: False) == 1


def test_one_persons_pages_of_images_leave_places_to_others(team: Team, registry: RegistryServer) -> None:
    row = indexed(team, registry, "busy", [file_layer({"a": b"1"})])
    with ExitStack() as stack:
        for _ in range(PER_USER):
            stack.enter_context(opened_place(row, team.users["viewer"]))
        for tail in ("contents", "files", "files/content?path=/a", "sboms", f"compare?with={row.pk}"):
            answer = ask(team, row, tail, 503)
            assert (answer.json()["code"], answer["Retry-After"]) == ("rate_limited", "5")
        path = f"/projects/{team.project.pk}/images/{row.pk}/files"
        assert call("GET", path, headers=team.bearer("developer")).status_code == 200
    ask(team, row, "files")


def test_an_index_goes_with_the_last_image_that_has_the_layer(team: Team, registry: RegistryServer) -> None:
    row = indexed(team, registry, "kept", [file_layer({"c": b"1"})])
    layer = LayerIndex.objects.get()
    LayerIndex.objects.update(created_at=layer.created_at - indexing.KEPT * 2)
    ImageBlob.objects.create(image=row, project=row.project, digest=layer.digest)
    assert indexing.forget_unused() == 0
    row.delete()
    assert indexing.forget_unused() > 0
    assert not LayerIndex.objects.exists()


def test_an_artifact_has_no_files(team: Team, registry: RegistryServer) -> None:
    chart = holding(b"chart", "application/x-tar")
    registry.push("filesof/chart", "1", chart)
    row = row_of(Project.objects.get(name="filesof"), "chart", "1", chart)
    assert ask(team, row, "files", 409).json()["code"] == "no_files"
