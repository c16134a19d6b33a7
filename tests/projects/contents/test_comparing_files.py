"""Files of two images compared, whose layers a worker read from a real registry."""

from __future__ import annotations

import tarfile
from typing import Any

import pytest
from django.test import Client

from projects.contents import indexing
from stack.sample import file_layer
from testbed.services import RegistryServer
from tests.projects.contents.file_layers import CONFIG, ask, indexed, tar_layer
from tests.support.content.inside import made, row_of
from tests.support.people import Team

pytestmark = pytest.mark.django_db
BASE = file_layer({"etc/passwd": b"root:x:0:0\n", "etc/old": b"old"})
ABOVE = tar_layer(
    ("etc/.wh.old", tarfile.REGTYPE, "", b""),
    ("etc/new", tarfile.REGTYPE, "", b"new\n"),
    ("etc/passwd", tarfile.REGTYPE, "", b"root:x:0:0:root\n"),
)


def changes(found: Any) -> dict[str, list[str]]:
    return {each["path"]: each["what"] for each in found["changes"]}


def test_files_of_two_tags_are_compared_both_ways_and_page_by_page(
    team: Team, registry: RegistryServer
) -> None:
    before = indexed(team, registry, "app", [BASE])
    after = indexed(team, registry, "next", [BASE, ABOVE])
    there = ask(team, after, f"compare/files?with={before.pk}").json()
    back = ask(team, before, f"compare/files?with={after.digest}").json()
    told = changes(there)
    assert set(told) == {"/etc/new", "/etc/old", "/etc/passwd"}
    assert (told["/etc/new"], told["/etc/old"]) == (["added"], ["removed"]) and "size" in told["/etc/passwd"]
    assert changes(back) == {**told, "/etc/new": ["removed"], "/etc/old": ["added"]}
    sides = [(each["before"], each["after"]) for each in there["changes"]]
    assert [(each["after"], each["before"]) for each in back["changes"]] == sides
    new = there["changes"][0]
    assert new["before"] is None and new["after"]["size"] == 4 and new["after"]["layer"] == ABOVE.blob.digest

    first = ask(team, after, f"compare/files?with={before.pk}&page_size=2").json()
    assert list(changes(first)) == ["/etc/new", "/etc/old"]
    rest = ask(team, after, first["next"].split(f"/{after.pk}/")[1]).json()
    assert (list(changes(rest)), rest["next"]) == (["/etc/passwd"], None)
    assert ask(team, after, f"compare/files?with={after.pk}").json()["changes"] == []


def test_layers_of_both_are_read_before_files_are_compared(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[Any] = []
    monkeypatch.setattr(indexing, "when_wanted", [lambda *asked: wanted.append(asked)])
    one = indexed(team, registry, "app", [BASE])
    image = made(CONFIG, [ABOVE])
    registry.push("filesof/other", "1", image)
    other = row_of(team.project, "other", "1", image)
    for row, partner in ((one, other), (other, one)):
        assert ask(team, row, f"compare/files?with={partner.pk}", 202).json()["state"] == "indexing"
    assert set(wanted) == {(other.pk, "", team.users["viewer"].pk)}


def test_what_no_tag_names_has_no_files_to_compare(team: Team, registry: RegistryServer) -> None:
    row = indexed(team, registry, "app", [BASE])
    assert "that have a tag" in str(ask(team, row, "compare/files?with=sha256:" + "0" * 64, 400).json())
    assert "no such image" in str(ask(team, row, "compare/files?with=x", 400).json())


def test_the_page_lists_what_changed(team: Team, registry: RegistryServer) -> None:
    before = indexed(team, registry, "app", [BASE])
    after = indexed(team, registry, "next", [BASE, ABOVE])
    client = Client(headers={"accept-language": "en"})
    client.force_login(team.users["viewer"])
    address = f"/projects/filesof/images/{after.pk}/compare/"
    comparison = client.get(f"{address}?with={before.pk}").content.decode()
    assert f"{address}files/?with={before.pk}&amp;platform=" in comparison
    page = client.get(f"{address}files/?with={before.digest}").content.decode()
    assert "/etc/new" in page and "Added" in page and "/etc/old" in page and "Removed" in page
    assert "No file changed" in client.get(f"{address}files/?with={after.pk}").content.decode()
    assert "no such image" in client.get(f"{address}files/?with=x").content.decode()
