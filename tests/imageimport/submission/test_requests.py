"""What is asked for: judged field by field before it is a row."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from accounts.exceptions import FieldErrors
from imageimport.models import ImportTask
from projects.models import AuditEvent, Project
from tests.imageimport.submission.submitting import DIGEST, submit
from tests.support.factories import CredentialFactory

pytestmark = pytest.mark.django_db


def refused_fields(
    someone: tuple[User, Project], image: str = "nginx", **fields: Any
) -> dict[str, list[str]]:
    with pytest.raises(FieldErrors) as caught:
        submit(someone, image, **fields)
    return caught.value.errors


@pytest.mark.parametrize(
    ("image", "source", "name", "tag"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx", "latest"),
        ("user/nginx:1.20", "docker.io/user/nginx:1.20", "user/nginx", "1.20"),
        ("ghcr.io/owner/repo:tag", "ghcr.io/owner/repo:tag", "owner/repo", "tag"),
        (
            "quay.io/prometheus/prometheus",
            "quay.io/prometheus/prometheus:latest",
            "prometheus/prometheus",
            "latest",
        ),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", "nginx", "latest"),
        (f"nginx:1.25@{DIGEST}", f"docker.io/library/nginx:1.25@{DIGEST}", "nginx", "1.25"),
        ("docker pull nginx:1.25", "docker.io/library/nginx:1.25", "nginx", "1.25"),
    ],
)
def test_a_reference_becomes_a_waiting_row(
    someone: tuple[User, Project], settings: Any, image: str, source: str, name: str, tag: str
) -> None:
    task = submit(someone, image)
    assert (task.status, task.image_url, task.source_image) == ("pending", image, source)
    assert task.target_image == f"{settings.REGISTRY_PUBLIC_HOST}/{task.project.name}/{name}:{tag}"
    assert task.message == "Waiting to start"
    assert AuditEvent.objects.filter(action="import.created", project=task.project).count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"image": "foo_bar.com/app"}, "image_url"),
        ({"image": ""}, "image_url"),
        ({"image": "127.0.0.1:9999/app"}, "image_url"),
        ({"image": "169.254.169.254/app"}, "image_url"),
        ({"image": "[::1]:9999/app"}, "image_url"),
        ({"target_name": "UPPER"}, "target_name"),
        ({"target_name": "../x"}, "target_name"),
        ({"target_name": "a" * 255}, "target_name"),
        ({"target_tag": "-x"}, "target_tag"),
        ({"platforms": ["windows"]}, "platforms"),
        ({"username": "me"}, "password"),
        ({"password": "secret"}, "username"),
        ({"username": "a:b", "password": "secret"}, "username"),
        ({"transport": "rsync"}, "transport"),
        ({"transport": "docker"}, "transport"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    someone: tuple[User, Project], fields: dict[str, Any], field: str
) -> None:
    errors = refused_fields(someone, **fields)
    assert list(errors) == [field]
    assert errors[field][0]
    assert not ImportTask.objects.exists()


def test_docker_takes_one_platform_where_it_is_enabled(someone: tuple[User, Project], settings: Any) -> None:
    settings.IMPORT_DOCKER_ENABLED = True
    assert submit(someone, transport="docker", platforms=["linux/amd64"]).transport == "docker"
    assert "platforms" in refused_fields(
        someone, "redis", transport="docker", platforms=["linux/amd64", "linux/arm64"]
    )


def test_credentials_are_stored_encrypted(someone: tuple[User, Project]) -> None:
    task = submit(someone, username="me", password="hunter22-canary")
    with connection.cursor() as cursor:
        cursor.execute("SELECT username, password FROM image_import_tasks")
        stored = str(cursor.fetchall())
    assert "hunter22-canary" not in stored
    assert "hunter22" not in repr(task.password)
    task.refresh_from_db()
    assert task.password.reveal() == "hunter22-canary"


def test_a_saved_credential_is_for_its_own_registry_and_project(someone: tuple[User, Project]) -> None:
    own = CredentialFactory(project=someone[1], registry="ghcr.io")
    assert submit(someone, "ghcr.io/owner/app", credential=own).credential == own
    assert "credential" in refused_fields(someone, "quay.io/owner/app", credential=own)
    assert "credential" in refused_fields(someone, "ghcr.io/owner/other", credential=CredentialFactory())
