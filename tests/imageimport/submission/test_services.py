"""Submitting, canceling, retrying and dismissing imports."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.choices import Status
from imageimport.submission import services
from imageimport.worker import leases
from projects.models import Project
from tests.imageimport.submission.submitting import DIGEST, submit
from tests.support.factories import BatchFactory, ImageFactory, TaskFactory, ended_task

pytestmark = pytest.mark.django_db


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
