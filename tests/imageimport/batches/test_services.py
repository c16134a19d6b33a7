"""Many imports at once, as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.batches import services as batches
from imageimport.batches.selectors import results_of, totals_of
from imageimport.choices import Priority, Status
from imageimport.models import ImportBatch, ImportTask, WebhookDelivery
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import AuditEvent, Project, Role
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import CredentialFactory, ProjectFactory, TaskFactory, member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team() -> tuple[User, Project]:
    return member(Role.DEVELOPER)


def make(team: tuple[User, Project], *images: str | ImportRequest, **values: Any) -> ImportBatch:
    user, project = team
    entries = [ImportRequest(image_url=each) if isinstance(each, str) else each for each in images]
    return batches.create(project=project, user=user, entries=entries, **values)


def counts(batch: ImportBatch) -> dict[str, int]:
    return {name: count for name, count in totals_of(batch).counts.items() if count}


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


def test_one_bad_entry_and_nothing_is_made_each_with_its_reason(team: tuple[User, Project]) -> None:
    busy = TaskFactory(project=team[1], target_name="busy")
    with pytest.raises(batches.BatchErrors) as refused:
        make(team, "nginx", "Bad!!", "redis", "10.0.0.1/x", "busy", ImportRequest("a", target_name="redis"))
    assert sorted(refused.value.by_index) == [1, 3, 5]
    assert list(ImportTask.objects.all()) == [busy]
    assert not ImportBatch.objects.exists()
    assert len(refused.value.errors["images"]) == 3


def test_a_target_that_is_being_written_is_named(team: tuple[User, Project]) -> None:
    TaskFactory(project=team[1], target_name="nginx")
    TaskFactory(project=ProjectFactory(), target_name="redis")
    with pytest.raises(batches.BatchErrors) as refused:
        make(team, "redis", "nginx")
    assert list(refused.value.by_index) == [1]


def test_the_same_import_twice_is_one_and_another_source_for_its_target_an_error(
    team: tuple[User, Project],
) -> None:
    assert make(team, "nginx", "redis", "docker.io/library/nginx:latest").tasks.count() == 2
    with pytest.raises(batches.BatchErrors) as refused:
        make(team, "quay.io/a/b", "ghcr.io/a/b")
    assert "entry 1" in refused.value.by_index[1][0]


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


def test_what_holds_for_all_fills_in_where_an_entry_says_nothing(team: tuple[User, Project]) -> None:
    saved = CredentialFactory(project=team[1], registry="ghcr.io")
    own = ImportRequest(
        "ghcr.io/a/own", username="me", password="mine", platforms=["linux/arm64"], transport="registry"
    )
    common = ImportRequest("", credential=saved, platforms=["linux/amd64"], overwrite=False)
    piped = "docker pull --platform linux/s390x ghcr.io/a/piped"
    batch = make(team, "ghcr.io/a/one", "quay.io/a/two", own, piped, common=common)
    one, two, mine, read = batch.tasks.order_by("batch_index")
    assert (one.credential, one.platforms, one.overwrite) == (saved, ["linux/amd64"], False)
    assert (two.credential, two.has_credentials) == (None, False), (
        "a credential goes to its own registry only"
    )
    assert (mine.credential, mine.password.reveal(), mine.platforms) == (None, "mine", ["linux/arm64"])
    assert read.platforms == ["linux/s390x"]


def test_a_password_for_all_is_not_shown_to_several_registries(team: tuple[User, Project]) -> None:
    common = ImportRequest("", username="me", password="hunter22")
    with pytest.raises(FieldErrors) as refused:
        make(team, "ghcr.io/a/b", "quay.io/a/c", common=common)
    assert list(refused.value.errors) == ["password"]
    batch = make(team, "ghcr.io/a/b", "ghcr.io/a/c", common=common)
    assert {task.password.reveal() for task in batch.tasks.all()} == {"hunter22"}


def test_a_saved_credential_that_fits_no_entry_is_an_error(team: tuple[User, Project]) -> None:
    saved = CredentialFactory(project=team[1], registry="ghcr.io")
    with pytest.raises(FieldErrors) as refused:
        make(team, "quay.io/a/c", common=ImportRequest("", credential=saved))
    assert list(refused.value.errors) == ["credential"]


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


def test_a_batch_is_complete_when_its_last_import_has_ended(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    source.add_image("app/one", "1", random_image([1000], seed=1))
    source.add_image("app/two", "1", random_image([1000, 500], seed=2))
    host = source.server_name
    batch = make(team, f"{host}/app/one:1", f"{host}/app/two:1", f"{host}/app/gone:1")
    assert (totals_of(batch).progress, totals_of(batch).eta_seconds) == (0, None)
    work()
    batch.refresh_from_db()
    totals = totals_of(batch)
    assert counts(batch) == {"success": 2, "failed": 1}
    assert (totals.progress, totals.total, totals.eta_seconds) == (100, 3, None)
    assert totals.bytes_done == totals.bytes_total > 2000
    assert batch.completed_at is not None
    rows = list(results_of(batch))
    assert [(row["index"], row["status"], row["error_code"]) for row in rows] == [
        (0, "success", ""),
        (1, "success", ""),
        (2, "failed", "not_found"),
    ]
    assert rows[2]["error"].startswith("Image not found: app/gone:1 doesn't exist on ")


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


def test_retrying_one_import_of_a_batch_twice_counts_once(team: tuple[User, Project]) -> None:
    batch = make(team, "a")
    batch.tasks.update(status=Status.FAILED)
    old = batch.tasks.select_related("project").get()
    first = services.retry(task=old, user=team[0])
    ImportTask.objects.filter(pk=first.pk).update(status=Status.FAILED)
    old.refresh_from_db()
    services.retry(task=old, user=team[0])
    assert totals_of(batch).total == 1


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
