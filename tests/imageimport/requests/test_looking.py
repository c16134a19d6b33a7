"""What a worker sees of a request at its source."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask, PolicyRule
from imageimport.requests import looking
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import Project, Role
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team(source: ScriptedRegistry, target: ScriptedRegistry) -> Any:
    user, project = member(Role.DEVELOPER)
    PolicyRule.objects.create(project=project, name="R", action="approve")
    return user, project


def request_for(team: Any, source: ScriptedRegistry, name: str = "app/web", tag: str = "v1") -> ImportTask:
    user, project = team
    wanted = ImportRequest(f"{source.server_name}/{name}:{tag}")
    return services.submit(project=project, user=user, request=wanted)


def again(task: ImportTask) -> ImportTask:
    ApprovalRequest.objects.filter(pk=task.pk).update(look_at=timezone.now())
    looking.look_due()
    task.refresh_from_db()
    return task


def test_a_look_sees_digest_size_and_platforms_and_reads_no_blob(team: Any, source: ScriptedRegistry) -> None:
    images = [random_image([500], seed=1), random_image([700], seed=2, platform="linux/arm64/v8")]
    digest = source.add_image("app/web", "v1", index_of(images))
    task = request_for(team, source)
    assert looking.look_due() == 1
    task.refresh_from_db()
    assert (task.status, task.source_digest) == (Status.REQUESTED, digest)
    assert task.bytes_total == sum(len(blob.data) for image in images for blob in image.blobs)
    found = ApprovalRequest.objects.get(pk=task.pk)
    assert [each["platform"] for each in found.platforms] == ["linux/amd64", "linux/arm64/v8"]
    assert (found.look_at, found.error) == (None, "")
    assert not source.seen("GET", "/blobs/")
    assert looking.look_due() == 0


def test_a_single_image_is_seen_without_its_configuration(team: Any, source: ScriptedRegistry) -> None:
    digest = source.add_image("app/web", "v1", random_image([500], seed=3))
    task = again(request_for(team, source))
    assert task.source_digest == digest
    assert not source.seen("GET", "/blobs/")


def test_what_is_not_there_ends_the_request(team: Any, source: ScriptedRegistry) -> None:
    task = again(request_for(team, source, tag="gone"))
    assert (task.status, task.error_code) == ("failed", "not_found")


def test_a_passing_fault_is_noted_and_looked_at_again(team: Any, source: ScriptedRegistry) -> None:
    source.rule("GET", "/v2/.*", Reply(503))
    source.rule("HEAD", "/v2/.*", Reply(503))
    task = again(request_for(team, source))
    found = ApprovalRequest.objects.get(pk=task.pk)
    assert task.status == Status.REQUESTED and found.error and found.looks == 1
    assert found.look_at is not None and found.look_at > timezone.now()
    source.rules.clear()
    digest = source.add_image("app/web", "v1", random_image([500], seed=4))
    assert again(task).source_digest == digest
    assert ApprovalRequest.objects.get(pk=task.pk).error == ""


def test_a_request_by_digest_is_looked_at_again_after_a_passing_fault(
    team: Any, source: ScriptedRegistry
) -> None:
    digest = source.add_image("app/web", "v1", random_image([500], seed=7))
    user, project = team
    wanted = ImportRequest(f"{source.server_name}/app/web@{digest}", target_tag="v1")
    task = services.submit(project=project, user=user, request=wanted)
    source.rule("GET", "/v2/.*", Reply(503))
    source.rule("HEAD", "/v2/.*", Reply(503))
    again(task)
    found = ApprovalRequest.objects.get(pk=task.pk)
    assert found.error and found.look_at is not None
    source.rules.clear()
    again(task)
    found = ApprovalRequest.objects.get(pk=task.pk)
    assert (found.error, found.look_at, task.source_digest) == ("", None, digest)
    assert task.bytes_total > 500


def test_what_a_rule_refuses_now_that_more_is_known_ends_the_request(
    team: Any, source: ScriptedRegistry
) -> None:
    PolicyRule.objects.update(requires={"max_bytes": 100})
    source.add_image("app/web", "v1", random_image([500], seed=5))
    task = again(request_for(team, source))
    assert (task.status, task.error_code) == ("failed", "refused_by_rule")


def test_projects_take_turns_and_one_look_is_one_workers(team: Any, source: ScriptedRegistry) -> None:
    source.add_image("app/web", "v1", random_image([500], seed=6))
    mine = [request_for(team, source, tag=f"v{number}") for number in range(3)]
    user, other = member(Role.DEVELOPER)
    PolicyRule.objects.create(project=other, name="R", action="approve")
    theirs = request_for((user, other), source)
    ApprovalRequest.objects.filter(pk=theirs.pk).update(look_at=timezone.now())
    order = list(looking._due())
    assert order.index(theirs.pk) == 1 and set(order) == {task.pk for task in (*mine, theirs)}
    taken = timezone.now() + dt.timedelta(seconds=30)
    ApprovalRequest.objects.update(look_at=taken)
    assert not looking._look_once(theirs.pk)


def test_a_request_that_was_decided_is_not_looked_at(team: Any, source: ScriptedRegistry) -> None:
    task = request_for(team, source)
    services.cancel(task=task)
    assert looking.look_due() == 0
    assert not source.requests
    assert Project.objects.filter(pk=team[1].pk).exists()
