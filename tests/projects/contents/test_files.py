"""Files of images, read by a worker from a real registry."""

from __future__ import annotations

import shutil
import tarfile
from contextlib import ExitStack
from typing import Any

import pytest

from projects.contents import files, indexing
from projects.contents.reading import opened_place
from projects.models import LayerIndex, LayerIndexPart, Project
from projects.places import PER_USER
from stack.sample import OCI_LAYER, Blob, Layer, file_layer
from testbed.services import RegistryServer
from tests.projects.contents.file_layers import CONFIG, ask, indexed, tar_layer
from tests.support.content.inside import holding, made, row_of
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db
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


def test_an_artifact_has_no_files(team: Team, registry: RegistryServer) -> None:
    chart = holding(b"chart", "application/x-tar")
    registry.push("filesof/chart", "1", chart)
    row = row_of(Project.objects.get(name="filesof"), "chart", "1", chart)
    assert ask(team, row, "files", 409).json()["code"] == "no_files"


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
