"""What an archive lacks is looked for in the project, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from imageimport.models import BlobOrigin, ImportTask
from projects.models import Image, Project
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.uploading import ONE, plan, project, start, upload
from tests.support.content.archives import layout

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


def test_a_digest_that_only_another_project_holds_is_not_brought(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Work
) -> None:
    """The file names another team's layer, at the right size and with other bytes."""
    layer = ONE.blobs[1]
    Project.objects.create(name="theirs")
    target.repository("theirs/app").blobs[layer.digest] = layer.data
    BlobOrigin.objects.create(
        digest=layer.digest, source_registry="bundle", repository="theirs/app", size=layer.size
    )
    content = layout({"app:1": ONE}).replace(layer.data, bytes(layer.size))
    start(api, project, upload(project, content))
    assert work()[0].error_code == "bundle_invalid"
    assert layer.digest not in target.repository(f"{project.name}/app").blobs


def test_what_a_file_lacks_is_looked_for_first_where_its_image_goes(
    api: APIClient, project: Project, target: ScriptedRegistry
) -> None:
    for number in range(5):
        Image.objects.create(project=project, repository=f"r{number}", tag="1", digest=ONE.digest, size=1)
    for name in ("app", "b"):
        target.add_image(f"{project.name}/{name}", "1", ONE)
    kept = [blob.digest for blob in ONE.all_manifests()]
    answer = plan(api, project, upload(project, layout({"app:1": ONE, "b:1": ONE}, only=kept)))
    assert answer.json()["missing"] == []
    assert len(target.seen("HEAD", "/blobs/")) == 3
