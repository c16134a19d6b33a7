"""The admin inspects every import, shows no secret, and acts through the services."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from imageimport.choices import Status
from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from tests.support.factories import TaskFactory, ended_task

pytestmark = pytest.mark.django_db
LIST = "admin:imageimport_importtask_changelist"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def test_the_list_filters_and_searches(boss: Client) -> None:
    ended_task(Status.FAILED, source_image="ghcr.io/owner/broken:1", error_code="not_found")
    TaskFactory(source_image="ghcr.io/owner/waiting:1")
    page = boss.get(reverse(LIST), {"status__exact": "failed"}).content.decode()
    assert "owner/broken" in page
    assert "owner/waiting" not in page
    found = boss.get(reverse(LIST), {"q": "waiting"}).content.decode()
    assert "owner/waiting" in found
    assert "owner/broken" not in found


def test_one_import_shows_its_attempts_and_layers_and_no_secret(boss: Client) -> None:
    task = TaskFactory(username="someone-canary", password="hunter22-canary")
    ImportAttempt.objects.create(
        task=task, fence=1, attempt=1, outcome="lost", error_code="worker_lost", worker="host:7"
    )
    ImportLayer.objects.create(task=task, position=0, digest="sha256:abc", size=5)
    page = boss.get(reverse("admin:imageimport_importtask_change", args=[task.pk])).content.decode()
    assert "worker_lost" in page
    assert "sha256:abc" in page
    assert "canary" not in page
    assert task.password.token not in page


def test_nothing_can_be_edited_added_or_deleted(boss: Client) -> None:
    task = TaskFactory()
    assert boss.get(reverse("admin:imageimport_importtask_add")).status_code == 403
    assert (
        boss.post(reverse("admin:imageimport_importtask_delete", args=[task.pk]), {"post": "yes"}).status_code
        == 403
    )
    boss.post(reverse("admin:imageimport_importtask_change", args=[task.pk]), {"status": "success"})
    task.refresh_from_db()
    assert task.status == "pending"


def test_retry_and_cancel_are_actions(boss: Client) -> None:
    failed, waiting = ended_task(Status.FAILED), TaskFactory()
    for action, task in (("retry_selected", failed), ("cancel_selected", waiting)):
        boss.post(reverse(LIST), {"action": action, "_selected_action": [str(task.pk)]})
    waiting.refresh_from_db()
    assert waiting.status == "canceled"
    assert ImportTask.objects.filter(retry_of=failed, status="pending").count() == 1


def test_an_action_that_can_not_be_done_says_why(boss: Client) -> None:
    done = ended_task(Status.SUCCESS)
    answer = boss.post(
        reverse(LIST), {"action": "cancel_selected", "_selected_action": [str(done.pk)]}, follow=True
    )
    assert "already finished" in answer.content.decode()


def test_the_list_says_how_far_an_import_is_and_where_it_goes(boss: Client) -> None:
    TaskFactory(status=Status.RUNNING, progress=44, target_image="registry.test:5000/team/app:1")
    page = boss.get(reverse(LIST), headers={"accept-language": "zh-hans"}).content.decode()
    assert '<span class="status status-blue">进行中 44 %</span>' in page
    assert ">team/app:1</td>" in page


def test_sizes_are_read_by_people_and_there_is_nothing_to_save(boss: Client) -> None:
    task = TaskFactory(bytes_total=182_452_224, bytes_done=84_934_656)
    ImportLayer.objects.create(task=task, position=0, digest="sha256:abc", size=52_428_800, bytes_done=1024)
    page = boss.get(reverse("admin:imageimport_importtask_change", args=[task.pk])).content.decode()
    for text in ("174 MiB", "81.0 MiB", "50.0 MiB", "1.0 KiB"):
        assert text in page
    assert 'name="_save"' not in page
