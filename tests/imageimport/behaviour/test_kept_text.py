"""What is kept of pasted text: all of it but the passwords, wherever it goes."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.exceptions import FieldErrors
from imageimport.batches import services as batches
from imageimport.models import Schedule
from imageimport.schedules import services as schedules
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.webhooks import payloads
from projects.models import AuditEvent, Project, Role
from tests.support.factories import member

pytestmark = pytest.mark.django_db

PW = "Hunter2-Secret"
COMMANDS = {
    f"podman pull --creds deploy:{PW} ghcr.io/team/app:1": "podman pull --creds *** ghcr.io/team/app:1",
    f"ctr images pull -u deploy:{PW} ghcr.io/team/app:1": "ctr images pull -u *** ghcr.io/team/app:1",
    f"helm pull --password={PW} oci://ghcr.io/team/app --version 1.0.0": (
        "helm pull --password=*** oci://ghcr.io/team/app:1.0.0 --version 1.0.0"
    ),
}


@pytest.fixture
def someone() -> tuple[User, Project]:
    return member(Role.OWNER)


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_row_and_what_is_told_of_it_keep_the_command_without_its_password(
    someone: tuple[User, Project], typed: str
) -> None:
    user, project = someone
    task = services.submit(project=project, user=user, request=ImportRequest(image_url=typed))
    assert task.image_url == COMMANDS[typed]
    assert payloads.of_task("import.failed", task)["task"]["image_url"] == COMMANDS[typed]
    task.status = "failed"
    task.save()
    assert services.retry(task=task, user=user).source_image == task.source_image


def test_the_api_answers_and_lists_without_it(client: Client, someone: tuple[User, Project]) -> None:
    user, project = someone
    client.force_login(user)
    at = f"/api/v1/projects/{project.pk}/images/import"
    typed = next(iter(COMMANDS))
    made = client.post(at, {"image_url": typed}, "application/json")
    assert (made.status_code, made.json()["image_url"]) == (202, COMMANDS[typed])
    batch = client.post(f"{at}/batches", {"images": [typed.replace("app:1", "app:2")]}, "application/json")
    assert batch.status_code == 202
    csv = client.get(f"{at}/batches/{batch.json()['id']}/results?format=csv")
    assert csv["Content-Type"].startswith("text/csv")
    assert COMMANDS[typed].replace("app:1", "app:2") in csv.content.decode()
    for answer in (made, batch, csv, client.get(at), client.get(f"/projects/{project.name}/imports/")):
        assert PW not in answer.content.decode()


def test_a_schedule_keeps_none_when_it_is_made_or_changed(someone: tuple[User, Project]) -> None:
    user, project = someone
    first, second = list(COMMANDS)[:2]
    made = schedules.create(
        project=project, user=user, wanted=schedules.NewSchedule(image_url=first, cron="0 3 * * *")
    )
    assert Schedule.objects.get(pk=made.pk).image_url == COMMANDS[first]
    schedules.update(schedule=made, user=user, changes={"image_url": second})
    assert Schedule.objects.get(pk=made.pk).image_url == COMMANDS[second]
    assert PW not in repr(list(AuditEvent.objects.values_list("subject", "detail")))


@pytest.mark.parametrize(
    "typed",
    [
        f"docker login -u deploy -p {PW} ghcr.io && docker pull ghcr.io/team/app",
        f"REGISTRY_PASSWORD={PW}",
        f"curl -u deploy:{PW} https://ghcr.io/v2/team/app/manifests/1",
        f"deploy:{PW}@ghcr.io/team/app:1",
    ],
)
def test_a_text_that_is_not_understood_is_refused_without_repeating_it(
    someone: tuple[User, Project], typed: str
) -> None:
    user, project = someone
    for ask in (
        lambda: services.submit(project=project, user=user, request=ImportRequest(image_url=typed)),
        lambda: batches.submit_text(project=project, user=user, text=typed + "\n$$"),
        lambda: schedules.create(
            project=project, user=user, wanted=schedules.NewSchedule(image_url=typed, cron="0 3 * * *")
        ),
    ):
        with pytest.raises(FieldErrors) as refused:
            ask()
        assert PW not in repr(refused.value.errors)
