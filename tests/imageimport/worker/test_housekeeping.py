"""What has served its time goes, secrets first, and nothing goes before."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import KnownAddress
from imageimport.choices import Status
from imageimport.models import (
    AccountTurn,
    IdempotencyKey,
    ImportLayer,
    ImportTask,
    SourceSight,
    Webhook,
    WebhookDelivery,
)
from imageimport.worker.housekeeping import prune
from tests.support.factories import ProjectFactory, TaskFactory, UserFactory, ended_task

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def ago(**age: float) -> dt.datetime:
    return NOW - dt.timedelta(**age)


def test_a_failed_import_keeps_its_credentials_for_their_time_and_not_longer(settings: Any) -> None:
    settings.CREDENTIAL_RETENTION_HOURS = 24
    once = {"username": "me", "password": "hunter22"}
    kept = ended_task(Status.FAILED, **once)
    old = ended_task(Status.FAILED, **once)
    running = TaskFactory(status=Status.RUNNING, **once)
    for task, hours in ((kept, 23), (old, 25), (running, 25)):
        ended = None if task is running else ago(hours=hours)
        ImportTask.objects.filter(pk=task.pk).update(completed_at=ended)
    assert prune(NOW)["credentials"] == 1
    for task in (kept, old, running):
        task.refresh_from_db()
    assert kept.password.reveal() == running.password.reveal() == "hunter22"
    assert not old.username and not old.password
    assert (old.credentials_erased, kept.credentials_erased) == (True, False)
    assert prune(NOW)["credentials"] == 0


def test_layers_of_what_ended_long_ago_go(settings: Any) -> None:
    settings.LAYER_RETENTION_DAYS = 7
    new, old = ended_task(Status.SUCCESS), ended_task(Status.FAILED)
    ImportTask.objects.filter(pk=old.pk).update(completed_at=ago(days=8))
    waiting = TaskFactory()
    for task in (new, old, waiting):
        ImportLayer.objects.create(task=task, position=0, digest="sha256:" + "a" * 64)
    assert prune(NOW)["layers"] == 1
    assert set(ImportLayer.objects.values_list("task", flat=True)) == {new.pk, waiting.pk}


def test_a_key_is_remembered_for_a_day() -> None:
    user = UserFactory()
    for key, hours in (("new", 23), ("old", 25)):
        IdempotencyKey.objects.create(user=user, key=key, fingerprint="0" * 64, created_at=ago(hours=hours))
    assert prune(NOW)["keys"] == 1
    assert IdempotencyKey.objects.get().key == "new"


def test_old_deliveries_go_except_those_on_their_way(settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 7
    webhook = Webhook.objects.create(project=ProjectFactory(), url="https://hooks.example.com/")
    state = WebhookDelivery.State
    for kind, days in ((state.DELIVERED, 8), (state.FAILED, 8), (state.PENDING, 8), (state.FAILED, 6)):
        WebhookDelivery.objects.create(
            webhook=webhook, event="import.failed", state=kind, created_at=ago(days=days)
        )
    assert prune(NOW)["deliveries"] == 2
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"pending", "failed"}


def test_a_first_sight_that_no_rule_can_read_goes() -> None:
    for digest, days in (("sha256:old", 91), ("sha256:new", 89)):
        SourceSight.objects.create(source="quay.io/a/b", tag="1", digest=digest, asked_at=ago(days=days))
    assert prune(NOW)["sights"] == 1
    assert SourceSight.objects.get().digest == "sha256:new"


def test_more_rows_than_one_statement_takes_all_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imageimport.worker.housekeeping.BATCH", 2)
    user = UserFactory()
    for number in range(5):
        IdempotencyKey.objects.create(
            user=user, key=str(number), fingerprint="0" * 64, created_at=ago(hours=25)
        )
    assert prune(NOW)["keys"] == 5


def test_turns_are_remembered_for_a_month() -> None:
    for account, days in (("user:1", 31), ("user:2", 29)):
        AccountTurn.objects.create(kind="import", account=account, served_at=ago(days=days))
    assert prune(NOW)["turns"] == 1
    assert AccountTurn.objects.get().account == "user:2"


def test_sessions_that_ended_go() -> None:
    for key, days in (("new", -1), ("old", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=ago(days=days))
    assert prune(NOW)["sessions"] == 1
    assert Session.objects.get().session_key == "new"


def test_an_address_is_known_for_half_a_year_after_the_last_sign_in() -> None:
    for key, days in (("new", 179), ("old", 181)):
        KnownAddress.objects.create(key=key, seen_at=ago(days=days))
    assert prune(NOW)["known addresses"] == 1
    assert KnownAddress.objects.get().key == "new"
