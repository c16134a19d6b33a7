"""What a project may hold, before a byte moves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.exceptions import ApplicationError
from imageimport import quotas
from imageimport.batches import services as batches
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.submission import admission, services
from imageimport.submission.requests import ImportRequest
from oci.errors import OciError
from projects.models import Image, Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.limiting import limit, team
from tests.support.content import artifacts, bombs
from tests.support.factories import ImageFactory, ProjectFactory, TaskFactory

__all__ = ["team"]
pytestmark = pytest.mark.django_db(transaction=True)


def ask(team: tuple[User, Project], url: str, **values: Any) -> ImportTask:
    user, project = team
    return services.submit(project=project, user=user, request=ImportRequest(url, **values))


def test_only_so_many_imports_may_wait(team: tuple[User, Project]) -> None:
    limit(team[1], quota_queued=2)
    ask(team, "a")
    ask(team, "b")
    with pytest.raises(ApplicationError) as refused:
        ask(team, "c")
    assert refused.value.code == "quota_exceeded"
    ImportTask.objects.filter(target_name="a").update(status=Status.RUNNING)
    ask(team, "c")


def test_a_new_tag_needs_a_place_and_an_old_one_has_it(team: tuple[User, Project]) -> None:
    limit(team[1], quota_images=2)
    ImageFactory(project=team[1], repository="here", tag="latest")
    ask(team, "coming")
    with pytest.raises(ApplicationError):
        ask(team, "another")
    ask(team, "here")


def test_of_what_a_project_holds_only_the_coming_tags_are_read(team: tuple[User, Project]) -> None:
    """Reading all of a hundred thousand took a tenth of a second at each submission."""
    _, project = team
    project.quota_images = 4
    for number in range(3):
        ImageFactory(project=project, repository="app", tag=f"1.{number}")
    with CaptureQueriesContext(connection) as asked:
        quotas.check_submission(project=project, waiting=0, count=1, targets=[("app", "1.0"), ("app", "2")])
    (read,) = [each["sql"] for each in asked.captured_queries if 'FROM "projects_image"' in each["sql"]]
    assert '"projects_image"."tag" IN (' in read
    with pytest.raises(ApplicationError) as refused:
        quotas.check_submission(project=project, waiting=0, count=2, targets=[("app", "2"), ("web", "1.0")])
    assert refused.value.params["now"] == 3


def test_a_batch_is_counted_as_a_whole(team: tuple[User, Project]) -> None:
    user, project = team
    limit(project, quota_images=2)
    with pytest.raises(ApplicationError):
        batches.create(project=project, user=user, entries=[ImportRequest(f"app{n}") for n in range(3)])
    assert not ImportTask.objects.exists()
    batches.create(project=project, user=user, entries=[ImportRequest(f"app{n}") for n in range(2)])


def test_an_image_that_is_too_large_fails_before_a_byte_moves(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    image = random_image([50_000], seed=1)
    source.add_image("app/web", "1", image)
    limit(team[1], quota_bytes=10_000)
    ask(team, f"{source.server_name}/app/web:1")
    (task,) = work()
    assert (task.status, task.error_code, task.attempts) == ("failed", "quota_exceeded", 1)
    assert "10000 bytes" in task.error
    assert not target.seen("POST", "/uploads/")
    layer = json.loads(image.manifest.data)["layers"][0]["digest"]
    assert not source.seen("GET", layer)
    limit(team[1], quota_bytes=1_000_000)
    services.retry(task=ImportTask.objects.select_related("project").get(pk=task.pk), user=team[0])
    assert [task.status for task in work()] == ["failed", "success"]


def test_an_image_that_replaces_another_frees_its_bytes(team: tuple[User, Project]) -> None:
    _user, project = team
    ImageFactory(project=project, repository="app", tag="1", size=900)
    limit(project, quota_bytes=1000)
    quotas.check_task(TaskFactory(project=project, target_name="app", target_tag="1"), 1000)
    with pytest.raises(OciError) as refused:
        quotas.check_task(TaskFactory(project=project, target_name="new", target_tag="1"), 101)
    assert refused.value.code == "quota_exceeded"
    quotas.check_task(TaskFactory(project=project, target_name="other", target_tag="1"), 100)


def test_what_others_are_bringing_counts_and_of_two_at_once_the_older_passes(
    team: tuple[User, Project],
) -> None:
    _user, project = team
    limit(project, quota_bytes=1000, quota_images=2)
    older = TaskFactory(project=project, target_name="a", status=Status.RUNNING, bytes_total=0)
    newer = TaskFactory(project=project, target_name="b", status=Status.RUNNING, bytes_total=0)
    quotas.check_task(older, 600)
    ImportTask.objects.filter(pk=older.pk).update(bytes_total=600)
    with pytest.raises(OciError):
        quotas.check_task(newer, 401)
    quotas.check_task(newer, 400)
    limit(project, quota_images=1)
    with pytest.raises(OciError):
        quotas.check_task(newer, 1)


def test_an_image_that_claims_more_than_there_is_fails_by_name(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    """Its sum was what no database takes, and the import ended as internal_error."""
    halves = [bombs.image([bombs.layer(number, 2**49)]) for number in range(3)]
    for each in halves:
        source.add_manifest("app/huge", "part", each.body, each.media_type)
    whole = bombs.index(halves)
    source.add_manifest("app/huge", "1", whole.body, whole.media_type)
    ask(team, f"{source.server_name}/app/huge:1")
    (task,) = work()
    assert (task.status, task.error_code, task.attempts) == ("failed", "limit_exceeded", 1)
    assert not target.seen("POST", "/uploads/")


def test_an_imported_chart_is_known_as_one(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    source.add_image("charts/podinfo", "6.5.0", artifacts.chart())
    ask(team, f"{source.server_name}/charts/podinfo:6.5.0")
    (task,) = work()
    assert task.status == "success", task.error
    assert Image.objects.get(project=team[1]).artifact_type == artifacts.HELM


def test_without_a_quota_nothing_is_counted(
    team: tuple[User, Project], django_assert_num_queries: Any
) -> None:
    task = TaskFactory(project=team[1])
    with django_assert_num_queries(1):
        quotas.check_task(task, 10**15)


def test_usage_says_what_is_held_beside_the_limits() -> None:
    project = ProjectFactory(quota_bytes=5000)
    ImageFactory(project=project, size=100)
    ImageFactory(project=project, size=200)
    ImageFactory(size=999)
    TaskFactory(project=project)
    assert quotas.usage(project) == quotas.Usage(2, None, 300, 5000, 1, None)


@pytest.mark.parametrize("quota", [{"quota_queued": 1}, {"quota_images": 1}])
@pytest.mark.parametrize("way", ["import", "batch"])
def test_of_two_that_are_submitted_at_the_same_moment_one_passes(
    team: tuple[User, Project], monkeypatch: pytest.MonkeyPatch, quota: dict[str, int], way: str
) -> None:
    limit(team[1], **quota)
    together, insert = threading.Barrier(2), admission.insert

    def insert_together(rows: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            together.wait(2)
        insert(rows)

    monkeypatch.setattr({"import": services, "batch": batches}[way], "insert", insert_together)

    def ask_now(name: str) -> str:
        try:
            if way == "import":
                ask(team, name)
            else:
                batches.create(project=team[1], user=team[0], entries=[ImportRequest(name)])
        except ApplicationError as exc:
            return exc.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask_now, "ab")) == ["", "quota_exceeded"]
    assert ImportTask.objects.count() == 1
