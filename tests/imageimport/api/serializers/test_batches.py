"""What may be said of a batch."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from imageimport.models import ImportTask
from projects.models import Project
from tests.imageimport.developing import project
from tests.support.factories import CredentialFactory

__all__ = ["project"]
pytestmark = pytest.mark.django_db


def path(project: Project, *more: Any) -> str:
    return "/".join([f"/api/v1/projects/{project.pk}/images/import/batches", *map(str, more)])


def post(api: APIClient, project: Project, *images: Any, **fields: Any) -> Any:
    return api.post(path(project), {"images": list(images), **fields})


@pytest.mark.parametrize(
    "body", [{}, {"images": []}, {"images": "nginx"}, {"images": None}, {"images": ["a"] * 1001}]
)
def test_no_list_is_an_error_of_the_field(api: APIClient, project: Project, body: dict[str, Any]) -> None:
    answer = api.post(path(project), body)
    assert (answer.status_code, list(answer.json())) == (400, ["images"])


def test_credentials_for_all_go_in_and_never_out(api: APIClient, project: Project) -> None:
    answer = post(api, project, "ghcr.io/a/b", "ghcr.io/a/c", username="me", password="hunter22-canary")
    assert answer.status_code == 202
    assert all(task["has_credentials"] for task in answer.json()["tasks"])
    assert "canary" not in answer.content.decode()
    assert {task.password.reveal() for task in ImportTask.objects.all()} == {"hunter22-canary"}


def test_a_saved_credential_is_the_projects_own(api: APIClient, project: Project) -> None:
    mine, theirs = (
        CredentialFactory(project=project, registry="ghcr.io"),
        CredentialFactory(registry="ghcr.io"),
    )
    assert post(api, project, "ghcr.io/a/b", credential=str(mine.pk)).status_code == 202
    answer = post(api, project, "ghcr.io/a/c", credential=str(theirs.pk))
    assert (answer.status_code, list(answer.json())) == (400, ["credential"])
    entry = {"image_url": "ghcr.io/a/d", "credential": str(theirs.pk)}
    assert list(post(api, project, entry).json()["images"]) == ["0"]
