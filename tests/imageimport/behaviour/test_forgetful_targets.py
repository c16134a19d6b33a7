"""A target that takes what it is given and keeps nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imageimport.choices import Status
from imageimport.models import ImportTask
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry, refuse
from tests.support.factories import ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

IMAGE, OLD = random_image([4_096], seed=121), random_image([2_048], seed=122)


@pytest.fixture(autouse=True)
def task(source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch) -> ImportTask:
    """An import over a tag that stands, into a target that says 201 to the new one and forgets it."""
    monkeypatch.setattr("oci.copy.publisher.READ_BACK_SECONDS", 0.5)
    source.add_image("library/app", "v1", IMAGE)
    made: ImportTask = TaskFactory(
        project=ProjectFactory(),
        image_url=f"{source.server_name}/library/app:v1",
        source_registry=source.server_name,
        source_image=f"{source.server_name}/library/app:v1",
        target_name="app",
        target_tag="v1",
    )
    target.add_image(f"{made.project.name}/app", "v1", OLD)
    target.rule("PUT", "/manifests/v1$", Reply(201))
    return made


def look(work: Callable[[], list[ImportTask]]) -> ImportTask:
    """One more attempt."""
    ImportTask.objects.update(not_before=None)
    (task,) = work()
    return task


def test_after_three_tries_it_has_failed_and_the_old_tag_stands(
    task: ImportTask, target: ScriptedRegistry, work: Callable[[], list[ImportTask]], settings: Any
) -> None:
    settings.IMPORT_MAX_ATTEMPTS = 3
    for attempt in (1, 2):
        task = look(work)
        assert (task.status, task.attempts, task.publishing) == (Status.PENDING, attempt, False)
    task = look(work)
    assert (task.status, task.error_code, task.attempts) == (Status.FAILED, "target_error", 3)
    assert "is not what was pushed" in task.error
    assert list(task.history.values_list("outcome", flat=True)) == ["failed"] * 3
    assert target.repository(f"{task.project.name}/app").manifests["v1"][1] == OLD.manifest.data


def test_where_the_target_does_not_say_whether_the_tag_stands_nothing_is_failed(
    target: ScriptedRegistry, work: Callable[[], list[ImportTask]], settings: Any
) -> None:
    """Failed would say that the old tag stands."""
    settings.IMPORT_MAX_ATTEMPTS = 1
    target.rule("GET", "/manifests/v1$", refuse(403, "DENIED"))
    task = look(work)
    assert (task.status, task.attempts, task.publishing) == (Status.PENDING, 0, True)


def test_a_tag_that_the_target_keeps_at_the_second_try_is_a_success(
    target: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> None:
    assert look(work).status == Status.PENDING
    target.rules.clear()
    task = look(work)
    assert (task.status, task.attempts, task.digest) == (Status.SUCCESS, 2, IMAGE.digest)
