"""Bringing a row up to what the registry says: what it completes, and what it leaves alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oci.copy.image_info import ImageInfo
from projects.models import Image
from projects.registry.reconcile import reconcile
from stack.sample import OCI_MANIFEST, sample_image
from testbed.services import RegistryServer
from tests.support.people import DIGEST, Team

pytestmark = pytest.mark.django_db


def test_a_signature_that_was_imported_by_its_tag_is_listed_until_it_is_gone(own: RegistryServer) -> None:
    team = Team.make()
    there, gone, unknown = (f"sha256-{letter * 64}.sig" for letter in "abc")
    for tag in (there, unknown):
        own.push("team/app", tag, sample_image())
    for tag in (there, gone):
        team.image(tag=tag)
    report = reconcile()
    assert [row.tag for row in Image.objects.all()] == [there]
    assert (report.removed, report.found, report.errors) == (1, 0, [])
    # It is compared in its turn, and does not fill every run.
    assert Image.objects.get().checked_at is not None
    assert reconcile().removed == 0


def test_a_row_written_meanwhile_is_not_overwritten(
    own: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import that ends between the look and the write has the last word."""
    from projects.registry import index as indexing
    from projects.services import record_image

    team = Team.make()
    own.push("team/app", "1", sample_image())
    look = indexing.inspect  # type: ignore[attr-defined]

    def slow_look(*arguments: Any) -> Any:
        found = look(*arguments)
        written = ImageInfo(DIGEST, size=9)
        record_image(project=team.project, repository="app", tag="1", image=written, source_image="x")
        return found

    monkeypatch.setattr(indexing, "inspect", slow_look)
    with own_client("team/app") as client:
        row = indexing.bring_up_to_date(client, team.project, "app", "1")
    assert row is not None
    assert (row.digest, row.source_image) == (DIGEST, "x")


def own_client(repository: str) -> Any:
    from projects.registry.client import PULL, opened_repository

    return opened_repository(repository, PULL)


def test_a_chart_that_was_not_known_as_one_is_known_without_being_newer(own: RegistryServer) -> None:
    """Imports of earlier releases told of no artifact what it is."""
    from tests.support.content.artifacts import HELM, chart

    team = Team.make()
    own.push("team/podinfo", "6.5.0", chart())
    row = team.image(
        repository="podinfo",
        tag="6.5.0",
        digest=chart().digest,
        media_type=OCI_MANIFEST,
        platforms=[],
        size=9,
    )
    reconcile()
    found = Image.objects.get(pk=row.pk)
    assert (found.artifact_type, found.updated_at) == (HELM, row.updated_at)
    assert found.size == sum(blob.size for blob in chart().all_blobs())


def test_a_manifest_that_cannot_be_understood_is_listed_all_the_same(own: RegistryServer) -> None:
    """Its children are missing: a sparse index, which some registries take."""
    import requests

    team = Team.make()
    own.push("team/app", "whole", sample_image())
    reconcile()
    Image.objects.all().delete()
    index = json.loads(sample_image().manifest.data)
    for child in index["manifests"]:
        path = (
            own.plan.directory / "data/docker/registry/v2/repositories/team/app/_manifests/revisions/sha256"
        )
        for link in (path / child["digest"].partition(":")[2]).glob("*"):
            link.unlink()
    assert requests.get(f"{own.url}/v2/team/app/tags/list", timeout=10).json()["tags"] == ["whole"]
    reconcile()
    row = Image.objects.get(project=team.project)
    assert row.digest == sample_image().digest
    assert row.platforms == []
