"""The admin shows what projects are set up with, and no secret of it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from imageimport.models import ImportBatch, Schedule, ScheduleRun, TagDigest, Webhook, WebhookDelivery
from tests.support.factories import BatchFactory, CredentialFactory, ProjectFactory

pytestmark = pytest.mark.django_db
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def rows() -> list[Model]:
    project = ProjectFactory()
    schedule = Schedule.objects.create(project=project, image_url="quay.io/a/b", cron="0 3 * * *")
    url = "https://hooks.example.com/x?token=query-canary"
    hook = Webhook.objects.create(project=project, url=url, secret="hook-canary")
    return [
        CredentialFactory(project=project, password="password-canary"),
        schedule,
        ScheduleRun.objects.create(schedule=schedule),
        hook,
        WebhookDelivery.objects.create(webhook=hook, event="import.failed", payload={}),
        BatchFactory(project=project, name="nightly"),
        TagDigest.objects.create(project=project, repository="app", tag="1", digest=DIGEST),
    ]


def test_every_list_and_every_row_opens_without_a_secret(boss: Client, rows: list[Model]) -> None:
    for row in rows:
        name = f"admin:imageimport_{row._meta.model_name}"
        for page in (
            boss.get(reverse(f"{name}_changelist"), {"q": "a"}),
            boss.get(reverse(f"{name}_change", args=[row.pk])),
        ):
            assert page.status_code == 200, name
            assert "canary" not in page.content.decode(), name


def test_nothing_is_added_or_changed_there(boss: Client, rows: list[Model]) -> None:
    for row in rows:
        name = f"admin:imageimport_{row._meta.model_name}"
        assert boss.get(reverse(f"{name}_add")).status_code == 403
        assert boss.post(reverse(f"{name}_change", args=[row.pk]), {"name": "changed"}).status_code == 403
    assert ImportBatch.objects.get().name == "nightly"
