"""What a tag has named, in the API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from imageimport.models import TagDigest
from projects.models import Image, Project
from tests.imageimport.paths import path

pytestmark = pytest.mark.django_db


def test_the_timeline_of_a_tag(api: APIClient, project: Project) -> None:
    image = Image.objects.create(project=project, repository="app", tag="1", digest="sha256:" + "b" * 64)
    for letter in "ab":
        TagDigest.objects.create(project=project, repository="app", tag="1", digest="sha256:" + letter * 64)
    rows = api.get(path(project, "images", image.pk, "digests")).json()["results"]
    assert [row["digest"][-1] for row in rows] == ["b", "a"]
    answer = api.post(path(project, "images", image.pk, "restore"), {"digest": "sha256:" + "c" * 64})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_in_timeline")
