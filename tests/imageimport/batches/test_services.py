"""Many imports at once, as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.batches import services as batches
from imageimport.batches.selectors import totals_of
from imageimport.choices import Priority, Status
from imageimport.models import ImportBatch, ImportTask, WebhookDelivery
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import AuditEvent, Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.batches.making import counts, make

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_batch_is_made_as_a_whole_behind_what_people_wait_for(team: tuple[User, Project]) -> None:
    batch = make(team, "nginx", "docker pull redis:7", "ghcr.io/a/b@sha256:" + "a" * 64, name=" nightly ")
    tasks = list(batch.tasks.order_by("batch_index"))
    assert [task.source_image.partition("@")[0] for task in tasks] == [
        "docker.io/library/nginx:latest",
        "docker.io/library/redis:7",
        "ghcr.io/a/b",
    ]
    assert [task.batch_index for task in tasks] == [0, 1, 2]
    assert {task.priority for task in tasks} == {Priority.BATCH}
    assert {task.message for task in tasks} == {"Waiting to start"}
    assert (batch.name, batch.requested_by) == ("nightly", team[0])
    assert counts(batch) == {"pending": 3}
    assert AuditEvent.objects.get(action="batch.created").detail["count"] == 3


@pytest.mark.parametrize("number", [0, batches.MAX_IMAGES + 1])
def test_an_empty_batch_and_one_that_is_too_large_are_refused(
    team: tuple[User, Project], number: int
) -> None:
    with pytest.raises(FieldErrors) as refused:
        make(team, *(f"app{n}" for n in range(number)))
    assert list(refused.value.errors) == ["images"]


def test_a_thousand_entries_are_no_problem(
    team: tuple[User, Project], django_assert_max_num_queries: Any
) -> None:
    began = time.monotonic()
    with django_assert_max_num_queries(80):
        batch = make(team, *(f"ghcr.io/team/app{n}:v1" for n in range(batches.MAX_IMAGES)))
    assert batch.tasks.count() == batches.MAX_IMAGES
    with django_assert_max_num_queries(5):
        assert totals_of(batch).total == batches.MAX_IMAGES
    batches.cancel(batch=batch)
    assert counts(batch) == {"canceled": batches.MAX_IMAGES}
    assert time.monotonic() - began < 60


def test_a_pasted_list_becomes_a_batch_and_its_errors_name_lines(team: tuple[User, Project]) -> None:
    user, project = team
    text = "# all\nnginx\n\ndocker pull redis:7\n"
    assert batches.submit_text(project=project, user=user, text=text).tasks.count() == 2
    with pytest.raises(FieldErrors) as refused:
        batches.submit_text(project=project, user=user, text="memcached\n\nBad!!\n")
    assert refused.value.errors["images"][0].startswith("Line 3: ")
    with pytest.raises(FieldErrors) as refused:
        batches.submit_text(project=project, user=user, text="\n\n10.0.0.1/x\n")
    assert refused.value.errors["images"][0].startswith("Line 3: ")
    with pytest.raises(FieldErrors):
        batches.submit_text(project=project, user=user, text="# nothing")


def test_a_full_queue_refuses_the_whole(team: tuple[User, Project], settings: Any) -> None:
    settings.IMPORT_MAX_QUEUED_PER_PROJECT = 2
    with pytest.raises(ApplicationError) as refused:
        make(team, "a", "b", "c")
    assert refused.value.code == "queue_full"
    assert not ImportTask.objects.exists()


def test_a_retry_takes_the_failed_ones_places(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    source.add_image("app/one", "1", random_image([1000], seed=1))
    host = source.server_name
    batch = make(team, f"{host}/app/one:1", f"{host}/app/two:1")
    work()
    failed = batch.tasks.get(status=Status.FAILED)
    source.add_image("app/two", "1", random_image([1000], seed=2))
    assert batches.retry(batch=batch, user=team[0]) == 1
    assert ImportBatch.objects.get(completed_at=None) == batch
    assert counts(batch) == {"success": 1, "pending": 1}
    new = batch.tasks.get(status=Status.PENDING)
    assert (new.retry_of, new.batch_index, new.priority) == (failed, 1, Priority.BATCH)
    work()
    batch.refresh_from_db()
    assert counts(batch) == {"success": 2}
    assert batch.completed_at is not None
    failed.refresh_from_db()
    assert (failed.status, failed.replaced) == ("failed", True)
    with pytest.raises(ApplicationError) as refused:
        batches.retry(batch=batch, user=team[0])
    assert refused.value.code == "not_retryable"


def test_the_second_of_two_retries_finds_nothing(team: tuple[User, Project]) -> None:
    batch = make(team, "a", "b")
    batch.tasks.update(status=Status.FAILED)
    assert batches.retry(batch=batch, user=team[0]) == 2
    with pytest.raises(ApplicationError):
        batches.retry(batch=batch, user=team[0])
    assert batch.tasks.filter(replaced=False).count() == 2


def test_a_failed_one_whose_target_is_busy_stays_failed(team: tuple[User, Project]) -> None:
    batch = make(team, "a", "b")
    batch.tasks.update(status=Status.FAILED)
    services.submit(project=team[1], user=team[0], request=ImportRequest("a"))
    assert batches.retry(batch=batch, user=team[0]) == 1
    assert counts(batch) == {"failed": 1, "pending": 1}


def test_a_cancel_ends_what_waits_and_asks_what_runs(team: tuple[User, Project]) -> None:
    batch = make(team, "a", "b", "c", "d")
    a, b, c, _d = batch.tasks.order_by("batch_index")
    ImportTask.objects.filter(pk=a.pk).update(status=Status.SUCCESS)
    ImportTask.objects.filter(pk=b.pk).update(status=Status.RUNNING)
    assert batches.cancel(batch=batch) == 3
    assert counts(batch) == {"success": 1, "running": 1, "canceled": 2}
    b.refresh_from_db()
    c.refresh_from_db()
    assert (b.status, c.status) == ("canceling", "canceled")
    assert c.completed_at is not None
    assert AuditEvent.objects.filter(action="batch.canceled").count() == 1


def test_what_has_ended_can_not_be_canceled(team: tuple[User, Project]) -> None:
    batch = make(team, "a")
    batch.tasks.update(status=Status.SUCCESS)
    with pytest.raises(ApplicationError) as refused:
        batches.cancel(batch=batch)
    assert refused.value.code == "not_cancelable"


def test_the_end_is_told_once(team: tuple[User, Project]) -> None:
    team[1].webhooks.create(url="https://hooks.example.com/", events=["batch.completed"])
    batch = make(team, "a", "b", name="two")
    batches.cancel(batch=batch)
    told = WebhookDelivery.objects.get()
    assert told.payload["batch"]["counts"]["canceled"] == told.payload["batch"]["total"] == 2
    assert told.payload["batch"]["name"] == "two"


def test_an_entry_that_no_row_can_keep_is_an_error_and_not_a_fault(team: tuple[User, Project]) -> None:
    with pytest.raises(batches.BatchErrors) as refused:
        make(team, "nginx", "docker pull " + " " * 2500 + "redis")
    assert list(refused.value.by_index) == [1]
    assert "characters" in refused.value.by_index[1][0]
