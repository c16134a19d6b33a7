"""A text that is rewritten, and what it lacks made a batch."""

from __future__ import annotations

import pytest

from imageimport.models import ImportBatch, ImportTask
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db
POD = "spec:\n  containers:\n    - image: nginx:1.27\n    - image: redis:7\n"


def test_what_is_missing_becomes_a_batch_and_points_here(team: Team) -> None:
    path, headers = f"/projects/{team.project.pk}/rewrite", team.bearer("developer")
    text = POD + "  x: {image: '127.0.0.1/a:1'}\n  y: {image: '${Z}'}\n"
    said = call("POST", path, {"text": text, "import_missing": True}, headers).json()
    assert "registry.test/team/redis:7" in said["text"]
    assert "'127.0.0.1/a:1'" in said["text"]
    assert [each["image"] for each in said["skipped"]] == ["127.0.0.1/a:1"]
    assert ImportBatch.objects.get().pk.hex == said["batch"].replace("-", "")
    assert [task.source_image for task in ImportTask.objects.all()] == ["docker.io/library/redis:7"]
    again = call("POST", path, {"text": POD, "import_missing": True}, headers).json()
    assert again["batch"] is None, "it is on its way already"
    assert {each["state"] for each in said["images"]} == {"here", "missing", "unreadable"}


def test_full_names_for_what_is_missing(team: Team) -> None:
    headers = team.bearer("maintainer")
    assert (
        call("PATCH", f"/projects/{team.project.pk}", {"naming": "full"}, headers).json()["naming"] == "full"
    )
    said = call("POST", f"/projects/{team.project.pk}/rewrite", {"text": "image: redis:7\n"}, headers).json()
    assert said["images"][0]["target_image"] == "registry.test/team/docker.io/library/redis:7"
