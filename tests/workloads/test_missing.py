"""What is missing is imported by its digest, moves no tag, and is no more than a batch."""

from __future__ import annotations

import pytest

from imageimport.batches import services as batches
from imageimport.models import ImportTask
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db
OTHER = "sha256:" + "b" * 64


def test_an_older_digest_that_is_missing_does_not_move_the_tag(team: Team) -> None:
    text = f"image: nginx:1.27@{OTHER}\n"
    body = {"text": text, "import_missing": True}
    said = call("POST", f"/projects/{team.project.pk}/rewrite", body, team.bearer("developer")).json()
    (task,) = ImportTask.objects.all()
    assert (task.target_name, task.target_tag) == ("nginx", "digest-bbbbbbbbbbbb")
    assert said["text"] == f"image: registry.test/team/nginx:digest-bbbbbbbbbbbb@{OTHER}\n"


def test_what_is_beyond_one_batch_is_told(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_IMAGES", 2)
    text = "".join(f"- image: app{number}:1\n" for number in range(3))
    body = {"text": text, "import_missing": True}
    said = call("POST", f"/projects/{team.project.pk}/rewrite", body, team.bearer("developer")).json()
    assert [each["image"] for each in said["skipped"]] == ["docker.io/library/app2:1"]
    assert said["text"].count("registry.test") == 2
