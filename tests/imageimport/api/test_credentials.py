"""Saved credentials in the API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from imageimport.models import Credential
from projects.models import Project
from tests.imageimport.paths import path
from tests.support.factories import CredentialFactory

pytestmark = pytest.mark.django_db
CRON = {"image_url": "quay.io/a/b", "tags": ["1.*", "semver:>=1.2 <2"], "cron": "0 3 * * *"}


def test_a_password_goes_in_and_never_out(api: APIClient, project: Project) -> None:
    body = {"name": "hub", "registry": "index.docker.io", "username": "me", "password": " canary "}
    answer = api.post(path(project, "credentials"), body)
    assert answer.status_code == 201
    assert {"id", "name", "registry", "username"} <= set(answer.json())
    assert (answer.json()["registry"], answer.json()["has_password"]) == ("docker.io", True)
    saved = Credential.objects.get()
    assert saved.password.reveal() == " canary "
    for shown in (
        answer,
        api.get(path(project, "credentials")),
        api.get(path(project, "credentials", saved.pk)),
    ):
        assert "canary" not in shown.content.decode()
        assert "password" not in str(shown.json()).replace("has_password", "")


def test_the_contracts_rules_of_change(api: APIClient, project: Project) -> None:
    saved = CredentialFactory(project=project, registry="ghcr.io", password="canary")
    where = path(project, "credentials", saved.pk)
    assert api.patch(where, {"name": "new"}).json()["has_password"] is True
    assert api.patch(where, {"registry": "quay.io", "password": "other"}).json()["has_password"] is True
    saved.refresh_from_db()
    assert saved.password.reveal() == "other"
    assert api.patch(where, {"registry": "evil.example.com"}).json()["has_password"] is False
    assert api.delete(where).status_code == 204


def test_a_needed_credential_answers_409(api: APIClient, project: Project) -> None:
    saved = CredentialFactory(project=project, registry="quay.io")
    api.post(path(project, "schedules"), {**CRON, "credential": str(saved.pk)})
    answer = api.delete(path(project, "credentials", saved.pk))
    assert (answer.status_code, answer.json()["code"]) == (409, "credential_in_use")


@pytest.mark.parametrize("missing", ["name", "registry", "username", "password"])
def test_a_new_credential_is_whole(api: APIClient, project: Project, missing: str) -> None:
    body = {"name": "hub", "registry": "docker.io", "username": "me", "password": "x"}
    body.pop(missing)
    answer = api.post(path(project, "credentials"), body)
    assert (answer.status_code, list(answer.json())) == (400, [missing])
