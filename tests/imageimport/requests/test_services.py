"""What becomes of requests, and that nothing comes in that no valid approval covers."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.exceptions import ApplicationError
from imageimport.batches import services as batches
from imageimport.choices import Status
from imageimport.models import (
    ApprovalRequest,
    ImportTask,
    PolicyRule,
    Schedule,
    ScheduleRun,
    Webhook,
    WebhookDelivery,
)
from imageimport.requests import looking, services
from imageimport.schedules.work import begin_import
from imageimport.submission import services as imports
from imageimport.submission.requests import ImportRequest
from imageimport.worker import groups
from oci.errors import OciError
from oci.reference.parser import parse_reference
from projects.models import AuditEvent, Project, Role
from stack.sample import Image
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def team() -> tuple[User, Project]:
    user, project = member(Role.MAINTAINER)
    PolicyRule.objects.create(project=project, name="R", action="approve", message="Why?")
    return user, project


def ask(team: tuple[User, Project], image: str = "nginx:1.27", *, seen: bool = True) -> ImportTask:
    task = imports.submit(project=team[1], user=team[0], request=ImportRequest(image))
    if seen:
        ImportTask.objects.filter(pk=task.pk).update(source_digest=DIGEST)
        task.refresh_from_db()
    return task


def overdue(task: ImportTask) -> None:
    past = timezone.now() - dt.timedelta(seconds=1)
    ApprovalRequest.objects.filter(pk=task.pk).update(expires_at=past)


def test_a_request_stands_for_the_projects_days_and_then_ends(team: tuple[User, Project]) -> None:
    team[1].request_days = 3
    team[1].save()
    task = ask(team)
    left = ApprovalRequest.objects.get(pk=task.pk).expires_at - timezone.now()
    assert dt.timedelta(days=2, hours=23) < left <= dt.timedelta(days=3)
    assert services.expire_due() == 0
    overdue(task)
    with pytest.raises(ApplicationError) as past:
        services.approve(task=task, user=team[0])
    assert past.value.code == "not_requested"
    assert services.expire_due() == 1
    task.refresh_from_db()
    assert (task.status, task.error_code) == ("canceled", "approval_outdated")
    assert ApprovalRequest.objects.get(pk=task.pk).verdict == "expired"
    assert services.expire_due() == 0


def test_webhooks_and_the_journal_hear_of_both(team: tuple[User, Project], settings: Any) -> None:
    settings.PORTAL_URL = "https://portal.example.com"
    events = ["request.created", "request.decided"]
    Webhook.objects.create(project=team[1], url="https://h.example.com/", events=events, failures_only=True)
    task = ask(team)
    services.reject(task=task, user=team[0], reason="No need.")
    created, decided = WebhookDelivery.objects.order_by("created_at")
    assert (created.event, decided.event) == tuple(events)
    link = f"https://portal.example.com/projects/{team[1].name}/imports/{task.pk}/"
    assert created.payload["request"]["url"] == link
    assert created.payload["request"]["rule"]["name"] == "R"
    assert created.payload["task"]["status"] == "requested"
    found = decided.payload["request"]
    assert (found["verdict"], found["reason"], found["decided_by"]) == (
        "rejected",
        "No need.",
        team[0].get_username(),
    )
    actions = AuditEvent.objects.order_by("at").values_list("action", flat=True)
    assert list(actions) == ["import.requested", "request.rejected"]


def test_a_reference_by_digest_is_looked_at_before_it_is_approved(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    digest = source.add_image("app/web", "v1", random_image([500], seed=2))
    task = ask(team, f"{source.server_name}/app/web@{digest}", seen=False)
    assert task.source_digest == digest
    with pytest.raises(ApplicationError) as unseen:
        services.approve(task=task, user=team[0], shown=digest)
    assert unseen.value.code == "approval_outdated"
    task.refresh_from_db()
    assert task.status == Status.REQUESTED and task.bytes_total > 500
    assert services.approve(task=task, user=team[0], shown=digest).status == Status.PENDING
    assert ApprovalRequest.objects.get(pk=task.pk).digest == digest


def test_an_approval_of_what_nobody_saw_looks_and_leaves_it_to_be_read(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    task = ask(team, f"{source.server_name}/app/web:v1", seen=False)
    with pytest.raises(OciError):
        services.approve(task=task, user=team[0])
    digest = source.add_image("app/web", "v1", random_image([500], seed=1))
    for shown in (None, digest):
        task = ImportTask.objects.select_related("project", "requested_by").get(pk=task.pk)
        ImportTask.objects.filter(pk=task.pk).update(source_digest="")
        task.refresh_from_db()
        with pytest.raises(ApplicationError) as unseen:
            services.approve(task=task, user=team[0], shown=shown)
        assert unseen.value.code == "approval_outdated"
        task.refresh_from_db()
        assert (task.status, task.source_digest) == (Status.REQUESTED, digest)
    assert services.approve(task=task, user=team[0]).status == Status.PENDING


def test_a_digest_whose_look_failed_was_not_seen(team: tuple[User, Project]) -> None:
    request = ApprovalRequest.objects.select_related("task").get(
        pk=ask(team, f"nginx@{DIGEST}", seen=False).pk
    )
    seen = [request.was_seen]
    for looks, error, platforms in (
        (1, "away", []),
        (1, "", []),
        # Asked once more for its signatures, in vain.
        (2, "away", [{"platform": "", "digest": DIGEST, "size": 1}]),
    ):
        request.looks, request.error, request.platforms = looks, error, platforms
        seen.append(request.was_seen)
    assert seen == [False, False, True, True]


def test_a_request_holds_its_place_in_its_batch(team: tuple[User, Project]) -> None:
    images = [ImportRequest("nginx:1"), ImportRequest("redis:7")]
    batch = batches.create(project=team[1], user=team[0], entries=images)
    assert groups.batch_counts(batch.pk)["requested"] == 2
    first, second = ImportTask.objects.order_by("batch_index")
    services.reject(task=first, user=team[0], reason="no")
    assert not groups.settle_batch(batch.pk)
    services.reject(task=second, user=team[0], reason="no")
    batch.refresh_from_db()
    assert batch.completed_at is not None
    counts = groups.batch_counts(batch.pk)
    assert (counts["requested"], counts["canceled"]) == (0, 2)


def test_what_a_rule_refuses_in_a_batch_is_told_by_its_entry_and_nothing_is_made(
    team: tuple[User, Project],
) -> None:
    PolicyRule.objects.create(
        project=team[1], name="No hub", action="refuse", sources=["docker.io/*"], position=0
    )
    images = [ImportRequest("ghcr.io/a/b:1"), ImportRequest("redis:7")]
    with pytest.raises(batches.BatchErrors) as refused:
        batches.create(project=team[1], user=team[0], entries=images)
    assert list(refused.value.by_index) == [1]
    assert "No hub" in refused.value.by_index[1][0]
    assert not ImportTask.objects.exists()


def test_a_canceled_batch_takes_its_requests_along_and_a_retry_asks_anew(team: tuple[User, Project]) -> None:
    batch = batches.create(project=team[1], user=team[0], entries=[ImportRequest("nginx:1")])
    assert batches.cancel(batch=batch) == 1
    task = ImportTask.objects.get()
    ImportTask.objects.filter(pk=task.pk).update(status=Status.FAILED)
    assert batches.retry(batch=batch, user=team[0]) == 1
    assert ImportTask.objects.current_of(batch).get().status == Status.REQUESTED
    ImportTask.objects.filter(retry_of=task).update(status=Status.FAILED, completed_at=timezone.now())
    PolicyRule.objects.update(action="refuse")
    with pytest.raises(ApplicationError) as refused:
        batches.retry(batch=batch, user=team[0])
    assert refused.value.code == "refused_by_rule"


def test_a_scheduled_run_lasts_until_its_requests_are_decided(team: tuple[User, Project]) -> None:
    schedule = Schedule.objects.create(
        project=team[1], image_url="quay.io/a/b", cron="0 3 * * *", created_by=team[0]
    )
    run = ScheduleRun.objects.create(schedule=schedule, checked_at=timezone.now())
    made = begin_import(run, parse_reference("quay.io/a/b"), "1")
    task = ImportTask.objects.get(pk=made.task or "")
    assert task.status == Status.REQUESTED
    assert not groups.settle_run(run.pk)
    services.reject(task=task, user=team[0], reason="no")
    run.refresh_from_db()
    assert run.ended_at is not None
    PolicyRule.objects.update(action="refuse")
    refused = begin_import(run, parse_reference("quay.io/a/b"), "2")
    assert (refused.result, refused.code) == ("failed", "refused_by_rule")


def test_requests_fill_no_queue_but_their_own(team: tuple[User, Project], settings: Any) -> None:
    settings.IMPORT_MAX_QUEUED_PER_PROJECT = 1
    ask(team)
    with pytest.raises(ApplicationError) as full:
        ask(team, "redis:7")
    assert full.value.code == "queue_full"
    PolicyRule.objects.all().delete()
    assert ask(team, "redis:7").status == Status.PENDING


Act = Callable[[], Any]


@pytest.mark.parametrize("seed", range(100))
def test_no_order_of_events_lets_in_what_no_valid_approval_covers(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
    seed: int,
) -> None:
    """Approve, reject, cancel, look, run, a moved tag and changed rules in a random order; then what stands is what an
    approval by the rules of then was for, or nothing."""
    chance = random.Random(seed)
    user, project = team
    versions: list[Image] = [random_image([50], seed=20 + number) for number in range(3)]
    source.add_image("app/web", "v1", versions[0])
    task = imports.submit(
        project=project, user=user, request=ImportRequest(f"{source.server_name}/app/web:v1")
    )

    def now() -> ImportTask:
        return ImportTask.objects.select_related("project", "requested_by").get(pk=task.pk)

    def say(action: str) -> None:
        PolicyRule.objects.filter(project=project).update(action=action)

    acts: list[Act] = [
        lambda: services.approve(task=now(), user=user),
        lambda: services.approve(task=now(), user=user, shown=versions[0].digest),
        lambda: services.reject(task=now(), user=user, reason="no"),
        lambda: imports.cancel(task=now()),
        looking.look_due,
        lambda: source.add_image("app/web", "v1", chance.choice(versions)),
        lambda: say("refuse"),
        lambda: say("approve"),
        work,
    ]
    for _ in range(8):
        try:
            chance.choice(acts)()
        except (ApplicationError, OciError):
            continue
    work()
    row = ImportTask.objects.get(pk=task.pk)
    standing = target.repository(f"{project.name}/app/web").manifests
    approval = ApprovalRequest.objects.get(pk=task.pk)
    if "v1" in standing:
        assert row.status == Status.SUCCESS
        assert approval.verdict == "approved" and approval.digest == row.source_digest
        assert approval.digest in standing
    else:
        assert row.status != Status.SUCCESS
