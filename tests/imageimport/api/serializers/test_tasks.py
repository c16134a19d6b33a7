"""What may be said of an import."""

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
    return "/".join([f"/api/v1/projects/{project.pk}/images/import", *map(str, more)])


def test_passwords_go_in_and_never_come_out(api: APIClient, project: Project) -> None:
    body = {"image_url": "ghcr.io/a/b", "username": "me", "password": "hunter22-canary"}
    answer = api.post(path(project), body)
    assert answer.json()["has_credentials"] is True
    for shown in (answer, api.get(path(project)), api.get(path(project, answer.json()["id"]))):
        assert "canary" not in shown.content.decode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "image_url"),
        ({"image_url": ["nginx"]}, "image_url"),
        ({"image_url": "nginx", "platforms": "linux/amd64"}, "platforms"),
        ({"image_url": "nginx", "overwrite": "maybe"}, "overwrite"),
        ({"image_url": "nginx", "credential": "x"}, "credential"),
        ({"image_url": "nginx", "transport": "docker"}, "transport"),
        ({"image_url": "10.0.0.1/x"}, "image_url"),
    ],
)
def test_field_errors_have_drfs_shape(
    api: APIClient, project: Project, body: dict[str, Any], field: str
) -> None:
    answer = api.post(path(project), body)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not ImportTask.objects.exists()


def test_another_projects_credential_is_unknown(api: APIClient, project: Project) -> None:
    theirs = CredentialFactory()
    answer = api.post(path(project), {"image_url": "ghcr.io/a/b", "credential": str(theirs.pk)})
    assert (answer.status_code, list(answer.json())) == (400, ["credential"])


def test_fields_that_are_not_ones_own_to_set_are_ignored(api: APIClient, project: Project) -> None:
    answer = api.post(
        path(project), {"image_url": "nginx", "status": "success", "digest": "sha256:x", "priority": 0}
    )
    assert (answer.json()["status"], answer.json()["digest"]) == ("pending", "")
