"""Submitting, canceling, retrying and dismissing imports."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.services import ImportRequest
from imageimport.worker import leases
from projects.models import AuditEvent, Project, Role
from tests.support.factories import (
    BatchFactory,
    CredentialFactory,
    ImageFactory,
    TaskFactory,
    ended_task,
    member,
)

pytestmark = pytest.mark.django_db
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def someone() -> tuple[User, Project]:
    return member(Role.DEVELOPER)


def submit(someone: tuple[User, Project], image: str = "nginx", **fields: Any) -> ImportTask:
    user, project = someone
    return services.submit(project=project, user=user, request=ImportRequest(image_url=image, **fields))


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


def test_one_writer_a_target(someone: tuple[User, Project]) -> None:
    first = submit(someone)
    with pytest.raises(ApplicationError) as caught:
        submit(someone)
    assert caught.value.code == "target_busy"
    assert caught.value.facts == {"task": str(first.pk)}
    services.cancel(task=first)
    assert submit(someone).pk != first.pk


def test_an_existing_tag_is_kept_where_its_digest_is_known(someone: tuple[User, Project]) -> None:
    ImageFactory(project=someone[1], repository="nginx", tag="latest", digest="sha256:" + "b" * 64)
    with pytest.raises(ApplicationError) as caught:
        submit(someone, f"nginx@{DIGEST}", overwrite=False)
    assert caught.value.code == "tag_exists"
    assert submit(someone, f"nginx@{DIGEST}", overwrite=True)


def test_a_full_queue_says_when_to_come_back(someone: tuple[User, Project], settings: Any) -> None:
    settings.IMPORT_MAX_QUEUED_PER_PROJECT = 1
    submit(someone)
    with pytest.raises(ApplicationError) as caught:
        submit(someone, "redis")
    assert caught.value.code == "queue_full"
    assert caught.value.retry_after


def test_canceling_what_waits_ends_it_at_once(someone: tuple[User, Project]) -> None:
    task = services.cancel(task=submit(someone, username="me", password="secret"))
    assert task.status == "canceled"
    assert not task.password


def test_canceling_what_runs_asks_the_worker(someone: tuple[User, Project]) -> None:
    task = submit(someone)
    leases.claim(worker="test:1")
    assert services.cancel(task=task).status == "canceling"
    assert services.cancel(task=task).status == "canceling"


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILED, Status.CANCELED])
def test_what_has_ended_can_not_be_canceled(status: Status) -> None:
    task = ended_task(status)
    with pytest.raises(ApplicationError) as caught:
        services.cancel(task=task)
    assert caught.value.code == "not_cancelable"


def test_a_retry_is_a_new_task_that_names_the_old_and_keeps_what_was_asked(
    someone: tuple[User, Project],
) -> None:
    user, project = someone
    old = ended_task(
        Status.FAILED,
        project=project,
        target_name="mine",
        platforms=["linux/amd64"],
        username="me",
        password="secret",
    )
    new = services.retry(task=old, user=user)
    new.refresh_from_db()
    old.refresh_from_db()
    assert new.retry_of == old
    assert (new.status, new.target_name, new.platforms) == ("pending", "mine", ["linux/amd64"])
    assert new.password.reveal() == "secret"
    assert old.dismissed_at is not None


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.PENDING, Status.RUNNING])
def test_only_what_failed_or_was_canceled_can_be_retried(
    someone: tuple[User, Project], status: Status
) -> None:
    with pytest.raises(ApplicationError) as caught:
        services.retry(task=TaskFactory(project=someone[1], status=status), user=someone[0])
    assert caught.value.code == "not_retryable"


def test_a_retry_never_goes_on_anonymously_once_its_credentials_were_erased(
    someone: tuple[User, Project],
) -> None:
    old = ended_task(Status.CANCELED, project=someone[1], credentials_erased=True)
    with pytest.raises(FieldErrors) as caught:
        services.retry(task=old, user=someone[0])
    assert "password" in caught.value.errors
    new = services.retry(task=old, user=someone[0], username="me", password="again")
    new.refresh_from_db()
    assert new.password.reveal() == "again"


def test_a_retry_takes_its_place_in_the_batch(someone: tuple[User, Project]) -> None:
    batch = BatchFactory(project=someone[1])
    old = ended_task(Status.FAILED, project=someone[1], batch=batch, batch_index=3)
    new = services.retry(task=old, user=someone[0])
    old.refresh_from_db()
    assert (new.batch_id, new.batch_index, old.replaced) == (batch.pk, 3, True)
