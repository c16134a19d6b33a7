"""What may be said of a schedule."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from projects.models import Project
from tests.imageimport.paths import path
from tests.support.factories import CredentialFactory

pytestmark = pytest.mark.django_db
CRON = {"image_url": "quay.io/a/b", "tags": ["1.*", "semver:>=1.2 <2"], "cron": "0 3 * * *"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**CRON, "tags": "1.*"}, "tags"),
        ({**CRON, "tags": ["semver:nope"]}, "tags"),
        ({**CRON, "timezone": "Mars"}, "timezone"),
        ({**CRON, "credential": "00000000-0000-0000-0000-000000000000"}, "credential"),
        ({"cron": "0 3 * * *"}, "image_url"),
        ({"image_url": "nginx"}, "cron"),
    ],
)
def test_wrong_fields_are_named(api: APIClient, project: Project, body: dict[str, Any], field: str) -> None:
    answer = api.post(path(project, "schedules"), body)
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_another_projects_credential_is_unknown_to_a_schedule(api: APIClient, project: Project) -> None:
    theirs = CredentialFactory(registry="quay.io")
    answer = api.post(path(project, "schedules"), {**CRON, "credential": str(theirs.pk)})
    assert (answer.status_code, list(answer.json())) == (400, ["credential"])
    mine = CredentialFactory(project=project, registry="quay.io")
    assert api.post(path(project, "schedules"), {**CRON, "credential": str(mine.pk)}).json()[
        "credential"
    ] == str(mine.pk)
