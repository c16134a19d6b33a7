"""The list of images, and taking one away, with a real registry behind."""

from __future__ import annotations

from typing import Any

import pytest

from oci.errors import OciError
from projects.models import Image
from projects.registry.catalog import tags_of
from projects.registry.reconcile import reconcile
from projects.retention import trash
from stack.sample import sample_image
from testbed.services import RegistryServer
from tests.support.people import DIGEST, Team, call

pytestmark = pytest.mark.django_db


def images(team: Team) -> str:
    return f"/projects/{team.project.pk}/images"


def found(team: Team, query: str) -> set[str]:
    rows = call("GET", f"{images(team)}?{query}", headers=team.bearer("viewer")).json()["results"]
    return {f"{row['repository']}:{row['tag']}" for row in rows}


def test_a_row_says_all_that_is_known(settings: Any) -> None:
    settings.REGISTRY_PUBLIC_HOST = "registry.test"
    team = Team.make()
    team.image(
        platforms=["linux/amd64"], media_type="x/y", source_image="docker.io/library/app:1", pull_count=3
    )
    (row,) = call("GET", images(team), headers=team.bearer("viewer")).json()["results"]
    assert row.keys() >= {
        "id", "repository", "tag", "digest", "media_type", "size", "platforms", "source_image", "updated_at",
        "pull_command", "pull_count", "last_pulled_at",
    }  # fmt: skip
    assert row["pull_command"] == "docker pull registry.test/team/app:1"
    assert row["platforms"] == ["linux/amd64"]
    detail = call("GET", f"{images(team)}/{row['id']}", headers=team.bearer("viewer")).json()
    assert detail["children"] == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"app:1", "app:2", "tools/cli:1"}),
        ("search=too", {"tools/cli:1"}),
        ("search=APP", {"app:1", "app:2"}),
        ("search=app:2", {"app:2"}),
        ("search=sha256:bbb", {"app:2"}),
        ("repository=app", {"app:1", "app:2"}),
        ("repository=ap", set()),
        ("repository=", set()),
        ("tag=", set()),
        ("digest=", set()),
        ("tag=1", {"app:1", "tools/cli:1"}),
        ("search=nothing", set()),
    ],
)
def test_images_are_searched_and_filtered(query: str, names: set[str]) -> None:
    team = Team.make()
    team.image()
    team.image(tag="2", digest="sha256:" + "b" * 64)
    team.image(repository="tools/cli")
    assert found(team, query) == names


def test_what_was_written_last_comes_first() -> None:
    team = Team.make()
    for tag in "321":
        team.image(tag=tag)
    rows = call("GET", images(team), headers=team.bearer("viewer")).json()["results"]
    assert [row["tag"] for row in rows] == ["1", "2", "3"]


def test_a_tag_goes_from_the_registry_and_then_from_the_list(registry: RegistryServer, settings: Any) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    team = Team.make("imagesapi")
    for tag in ("1", "2"):
        registry.push("imagesapi/app", tag, sample_image())
    reconcile()
    row = Image.objects.get(project=team.project, tag="1")
    answer = call("DELETE", f"{images(team)}/{row.pk}", headers=team.bearer("maintainer"))
    assert answer.status_code == 204
    assert tags_of("imagesapi/app") == ["2"]
    assert found(team, "") == {"app:2"}
    assert registry.verify("imagesapi/app", "2").digest == sample_image().digest
    assert call("DELETE", f"{images(team)}/{row.pk}", headers=team.bearer("maintainer")).status_code == 404


def test_a_tag_that_the_registry_keeps_stays_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team.make()
    row = team.image()

    def refuse(**_: object) -> None:
        raise OciError("target_error", "%(host)s says no.", host="registry.test")

    monkeypatch.setattr(trash, "_named_now", lambda *_: DIGEST)
    monkeypatch.setattr(trash, "delete_tag", refuse)
    answer = call("DELETE", f"{images(team)}/{row.pk}", headers=team.bearer("maintainer"))
    assert answer.status_code == 502
    assert answer.json()["code"] == "target_error"
    assert Image.objects.filter(pk=row.pk, digest=DIGEST).exists()
