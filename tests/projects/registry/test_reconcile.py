"""Comparing the index with a real registry."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from oci.http.transport import Timeouts
from oci.registry.options import ClientOptions
from oci.registry.retry import RetryPolicy
from projects.models import Image
from projects.registry import reconcile as module
from projects.registry.client import opened
from projects.registry.reconcile import reconcile
from stack.sample import OCI_MANIFEST, Blob, sample_image
from stack.sample import Image as Image_
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.support.content.bombs import CONFIG, LAYER
from tests.support.people import DIGEST, Team

pytestmark = pytest.mark.django_db


def test_what_was_pushed_unseen_appears_with_all_that_is_known(own: RegistryServer) -> None:
    team = Team.make()
    index = own.push("team/app", "1", sample_image())
    single = own.push("team/deep/er", "v2", random_image([2000, 3000], platform="linux/arm64"))
    own.push("strangers/app", "1", sample_image())
    report = reconcile()
    rows = {row.repository: row for row in Image.objects.filter(project=team.project)}
    assert report.found == len(rows) == Image.objects.count() == 2
    assert rows["app"].digest == index
    assert rows["app"].platforms == ["linux/amd64", "linux/arm64"]
    assert [child["platform"] for child in rows["app"].children] == rows["app"].platforms
    assert rows["deep/er"].digest == single
    assert rows["deep/er"].platforms == ["linux/arm64"]
    image = random_image([2000, 3000], platform="linux/arm64")
    assert rows["deep/er"].size == sum(blob.size for blob in image.all_blobs())


def test_moved_and_deleted_tags_are_put_right(own: RegistryServer) -> None:
    team = Team.make()
    own.push("team/app", "moved", sample_image())
    own.push("team/app", "stays", sample_image())
    reconcile()
    team.image(tag="gone", digest=DIGEST)
    moved = own.push("team/app", "moved", random_image([2000]))
    report = reconcile()
    assert (report.moved, report.removed) == (1, 1)
    assert set(Image.objects.values_list("tag", flat=True)) == {"moved", "stays"}
    assert Image.objects.get(tag="moved").digest == moved


def test_a_repository_that_is_gone_as_a_whole_takes_its_rows(own: RegistryServer) -> None:
    team = Team.make()
    own.push("team/other", "1", sample_image())
    team.image(repository="gone")
    assert reconcile().removed == 1
    assert set(Image.objects.values_list("repository", flat=True)) == {"other"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:{silent}"])
def test_a_registry_that_is_away_deletes_nothing(
    url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from testbed.services import silent_port

    team = Team.make()
    team.image()
    hasty = ClientOptions(retries=RetryPolicy(tries=1), timeouts=Timeouts(headers_seconds=1.0))
    monkeypatch.setattr("projects.registry.catalog.opened", lambda **kw: opened(**kw, options=hasty))
    with silent_port() as port:
        settings.REGISTRY_URL, settings.REGISTRY_AUTH = url.format(silent=port), "none"
        report = reconcile()
    assert report.errors
    assert Image.objects.count() == 1


def test_a_registry_that_forbids_the_list_deletes_nothing(
    basic_registry: RegistryServer, settings: Any
) -> None:
    team = Team.make(f"r{uuid.uuid4().hex[:12]}")
    team.image()
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = basic_registry.url, "basic"
    settings.REGISTRY_USERNAME, settings.REGISTRY_PASSWORD = "nobody", "wrong"
    assert reconcile().errors
    assert Image.objects.count() == 1


def test_a_second_run_asks_little_and_changes_nothing(own: RegistryServer) -> None:
    Team.make()
    for tag in ("1", "2", "3"):
        own.push("team/app", tag, sample_image())
    reconcile()
    before = list(Image.objects.values("pk", "digest", "updated_at"))
    report = reconcile()
    assert (report.found, report.removed, report.moved, report.compared) == (0, 0, 0, 3)
    assert list(Image.objects.values("pk", "digest", "updated_at")) == before


def test_what_was_not_compared_for_longest_goes_first(
    own: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Team.make()
    for tag in ("1", "2", "3"):
        own.push("team/app", tag, sample_image())
    reconcile()
    Image.objects.filter(project=team.project, tag="2").update(checked_at=None)
    monkeypatch.setattr(module, "MAX_COMPARED", 1)
    assert reconcile().compared == 1
    assert not Image.objects.filter(checked_at=None).exists()


def test_a_manifest_that_claims_more_than_there_is_is_listed_and_the_others_are_compared(
    own: RegistryServer,
) -> None:
    """Registries do not check sizes; two layers of 2^62 bytes are a sum that no database takes."""
    team = Team.make()
    layers = [{**CONFIG.descriptor(), "mediaType": LAYER, "size": 2**62}]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {**CONFIG.descriptor(), "size": 2**62},
        "layers": layers,
    }
    bomb = Image_(Blob(OCI_MANIFEST, json.dumps(document).encode()), (CONFIG,))
    for repository in ("team/app", "team/zoo"):
        own.push(repository, "1", bomb if repository == "team/app" else sample_image())
    assert not reconcile().errors
    rows = {row.repository: row for row in Image.objects.filter(project=team.project)}
    assert (rows["app"].digest, rows["app"].size) == (bomb.digest, bomb.manifest.size)
    assert rows["zoo"].platforms == ["linux/amd64", "linux/arm64"]


def test_what_breaks_with_one_tag_is_told_and_the_others_are_compared(
    own: RegistryServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Team.make()
    for tag in ("1", "bad", "z"):
        own.push("team/app", tag, sample_image())
    own.push("team/zoo", "1", sample_image())
    real = module.bring_up_to_date  # type: ignore[attr-defined]

    def look(client: Any, project: Any, repository: str, tag: str) -> Any:
        if tag == "bad":
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return real(client, project, repository, tag)

    monkeypatch.setattr(module, "bring_up_to_date", look)
    report = reconcile()
    assert report.errors == ["team/app:bad: OverflowError"]
    assert "reconcile.repository_broke" in caplog.text
    assert sorted(Image.objects.values_list("repository", "tag")) == [
        ("app", "1"),
        ("app", "z"),
        ("zoo", "1"),
    ]
    Image.objects.filter(tag="z").update(tag="bad", checked_at=None)
    monkeypatch.setattr(module, "MAX_COMPARED", 1)
    assert any("bad" in error for error in reconcile().errors)
    # What can't be compared does not stay the oldest.
    assert Image.objects.get(tag="bad").checked_at is not None
