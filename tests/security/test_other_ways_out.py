"""The other places where somebody names a host: plans, batches, schedules, credentials, webhooks, pages.

Each is tried with every kind of forbidden address, as a developer or maintainer could over the API, and then in the
worker. Plain HTTP and every port are allowed here, so that the address alone is what is refused.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.utils import timezone

from imageimport.models import Credential, ImportTask, Schedule, ScheduleRun, Webhook, WebhookDelivery
from imageimport.schedules import services as schedules
from imageimport.webhooks import sender
from imageimport.webhooks import services as webhooks
from imageimport.webhooks.sender import Parcel, Receiver
from oci.egress import door, policy
from testbed.images import random_image
from testbed.scripted_http import Reply, ScriptedServer
from testbed.scripted_registry import ScriptedRegistry, redirect, unauthorised_once
from tests.support.networks.canary import Canary
from tests.support.networks.forbidden import FORBIDDEN_REFERENCES, FORBIDDEN_URLS
from tests.support.people import Team, call

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_free", "names", "target"),
]

#: References that only a look-up tells about; all others are refused at sight.
LOOKED_UP = ("inside.example", "both.example", "mapped.example", "metadata.example")


@pytest.fixture
def team() -> Team:
    return Team.make()


@pytest.fixture
def anything_else_goes(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Ports and plain HTTP are no reason to refuse; the own services are others."""
    monkeypatch.setattr(policy, "is_usual_port", lambda _port: True)
    monkeypatch.setattr(policy.Rules, "check_scheme", lambda *_: None)
    settings.OWN_ENDPOINTS = []


def references(canary: Canary) -> Iterator[str]:
    for template in FORBIDDEN_REFERENCES:
        yield template.format(port=canary.port)


def test_a_plan_asks_no_forbidden_address(team: Team, evil: ScriptedRegistry, canary: Canary) -> None:
    headers = team.bearer("developer")
    path = f"/projects/{team.project.pk}/images/import/plan"
    for text in references(canary):
        answer = call("POST", path, {"image_url": text}, headers)
        if text.startswith(LOOKED_UP):
            assert (answer.status_code, answer.json()["code"]) == (422, "blocked_address"), text
        else:
            assert (answer.status_code, list(answer.json())) == (400, ["image_url"]), text
    assert canary.visits == []
    evil.add_image("ok/app", "1", random_image([2048], seed=1))
    fine = call("POST", path, {"image_url": f"{evil.server_name}/ok/app:1"}, headers)
    assert fine.status_code == 200, fine.content


@pytest.mark.parametrize("pattern", ["/manifests/", "/referrers/", "/blobs/"])
def test_a_plan_follows_no_registry_to_a_forbidden_address(
    pattern: str, team: Team, evil: ScriptedRegistry, canary: Canary, friend: Canary
) -> None:
    headers = team.bearer("developer")
    for number, template in enumerate(FORBIDDEN_URLS):
        image = f"p{number}/app"
        evil.referrers_api = True
        evil.add_image(image, "1", random_image([2048], seed=number + 1))
        url = template.format(port=canary.port, allowed=evil.server_name)
        evil.rule("", f"/v2/{image}{pattern}", redirect(url))
        path = f"/projects/{team.project.pk}/images/import/plan"
        answer = call("POST", path, {"image_url": f"{evil.server_name}/{image}:1"}, headers)
        assert answer.status_code in (200, 422), (url, answer.content)
        if answer.status_code == 422:
            assert answer.json()["code"] in ("blocked_address", "protocol_error"), (url, answer.content)
    assert canary.visits == friend.visits == []


def test_a_batch_takes_no_forbidden_address(
    team: Team, evil: ScriptedRegistry, canary: Canary, work: Callable[[], list[ImportTask]]
) -> None:
    path = f"/projects/{team.project.pk}/images/import/batches"
    entries = [
        {"image_url": text, "target_name": f"n{number}"} for number, text in enumerate(references(canary))
    ]
    answer = call("POST", path, {"images": entries}, team.bearer("developer"))
    assert answer.status_code == 400
    refused = {int(index) for index in answer.json()["images"]}
    left = [entry for index, entry in enumerate(entries) if index not in refused]
    assert [entry["image_url"].startswith(LOOKED_UP) for entry in left] == [True] * len(LOOKED_UP)
    assert call("POST", path, {"images": left}, team.bearer("developer")).status_code == 202
    assert {task.error_code for task in work()} == {"blocked_address"}
    assert canary.visits == []


def test_a_schedule_asks_no_forbidden_address(team: Team, evil: ScriptedRegistry, canary: Canary) -> None:
    path = f"/projects/{team.project.pk}/schedules"
    made = []
    for number, text in enumerate(references(canary)):
        # Some spell one image in two ways, and two schedules don't want the same tags of it.
        body = {"image_url": text, "tags": [f"{number}.*"], "cron": "0 3 * * *"}
        answer = call("POST", path, body, team.bearer("maintainer"))
        if answer.status_code == 400:
            assert list(answer.json()) == ["image_url"], text
        else:
            made.append(text)
            schedules.run_now(
                schedule=Schedule.objects.get(pk=answer.json()["id"]), user=team.users["maintainer"]
            )
    assert {text.partition(":")[0] for text in made} == set(LOOKED_UP)
    while schedules.run_due():
        continue
    assert set(ScheduleRun.objects.values_list("error_code", flat=True)) == {"blocked_address"}
    assert canary.visits == []


@pytest.mark.parametrize("pattern", ["/tags/list", "/manifests/"])
def test_a_schedule_follows_no_registry_to_a_forbidden_address(
    pattern: str, team: Team, evil: ScriptedRegistry, canary: Canary, friend: Canary
) -> None:
    for number, template in enumerate(FORBIDDEN_URLS):
        image = f"s{number}/app"
        url = template.format(port=canary.port, allowed=evil.server_name)
        evil.add_image(image, "1", random_image([2048], seed=number + 1))
        evil.rule("", f"/v2/{image}{pattern}", redirect(url))
        page = Reply(headers=[("Link", f'<{url}>; rel="next"')], body=b'{"tags":["1"]}')
        evil.rule("GET", f"/v2/{image}/tags/list", page)
        Schedule.objects.create(
            project=team.project,
            image_url=f"{evil.server_name}/{image}",
            tags=["*"],
            cron="0 3 * * *",
            next_run_at=timezone.now() - dt.timedelta(seconds=1),
            created_by=team.users["maintainer"],
        )
    while schedules.run_due():
        continue
    assert canary.visits == friend.visits == []
    assert ScheduleRun.objects.filter(checked_at=None).count() == 0
    assert ScheduleRun.objects.count() == len(FORBIDDEN_URLS)


def test_who_changes_which_tags_a_schedule_reads_answers_for_it(team: Team, target: ScriptedRegistry) -> None:
    """Else a maintainer could point the rights of whoever made it at other tags of a project that is not his."""
    other = Team.make("other")
    target.add_image("other/app", "1", random_image([2048], seed=1))
    target.add_image("other/app", "secret", random_image([2048], seed=2))
    other.project.memberships.create(user=team.users["owner"], role="viewer")
    schedule = schedules.create(
        project=team.project,
        user=team.users["owner"],
        wanted=schedules.NewSchedule(
            image_url=f"{target.server_name}/other/app", tags=["1"], cron="0 3 * * *"
        ),
    )
    path = f"/projects/{team.project.pk}/schedules/{schedule.pk}"
    answer = call("PATCH", path, {"tags": ["secret"]}, team.bearer("maintainer"))
    assert answer.status_code == 200, answer.content
    run = schedules.run_now(schedule=Schedule.objects.get(pk=schedule.pk), user=team.users["maintainer"])
    while schedules.run_due():
        continue
    run.refresh_from_db()
    assert (run.error_code, run.new) == ("not_found", 0)


@pytest.mark.usefixtures("anything_else_goes")
def test_a_credential_is_tested_at_no_forbidden_address(
    team: Team, evil: ScriptedRegistry, canary: Canary
) -> None:
    path = f"/projects/{team.project.pk}/credentials"
    headers = team.bearer("maintainer")
    tested = []
    for number, text in enumerate(references(canary)):
        registry = text.removesuffix("/app")
        body = {"name": f"c{number}", "registry": registry, "username": "u", "password": "p4ss"}
        answer = call("POST", path, body, headers)
        if answer.status_code == 400:
            assert list(answer.json()) == ["registry"], text
            continue
        tested.append(text)
        found = call("POST", f"{path}/{answer.json()['id']}/test", None, headers).json()
        assert (found["ok"], found["code"]) == (False, "blocked_address"), text
    assert {text.partition(":")[0] for text in tested} == set(LOOKED_UP)
    assert canary.visits == []


@pytest.mark.usefixtures("anything_else_goes")
def test_a_credential_test_follows_no_registry_to_a_forbidden_address(
    team: Team, evil: ScriptedRegistry, canary: Canary, friend: Canary
) -> None:
    saved = Credential.objects.create(
        project=team.project, name="c", registry=evil.server_name, username="u", password="p4ss"
    )
    path = f"/projects/{team.project.pk}/credentials/{saved.pk}/test"
    for template in FORBIDDEN_URLS:
        url = template.format(port=canary.port, allowed=evil.server_name)
        for act in (redirect(url), unauthorised_once(f'Bearer realm="{url}",service="s"')):
            evil.rules.clear()
            evil.rule("GET", "/v2/", act)
            found = call("POST", path, None, team.bearer("maintainer")).json()
            assert found["ok"] is False, url
            assert found["code"] in ("blocked_address", "protocol_error"), (url, found)
    assert canary.visits == friend.visits == []


@pytest.mark.usefixtures("anything_else_goes")
def test_a_webhook_is_sent_to_no_forbidden_address(team: Team, canary: Canary, friend: Canary) -> None:
    path = f"/projects/{team.project.pk}/webhooks"
    taken = []
    for template in FORBIDDEN_URLS:
        url = template.format(port=canary.port, allowed="hooks.example")
        answer = call("POST", path, {"url": url, "secret": "s"}, team.bearer("maintainer"))
        if answer.status_code == 400:
            assert list(answer.json()) == ["url"], url
        else:
            taken.append(url)
        # Whatever stands in the row, the worker judges it again where it connects.
        receipt = sender.send(
            Parcel(Receiver(url), uuid.uuid4(), "import.failed", {"event": "import.failed"})
        )
        assert receipt.error is not None, url
        assert receipt.error.code in ("blocked_address", "protocol_error"), (url, receipt.error)
    assert all(".example:" in url for url in taken), taken
    assert len(taken) == 5
    assert canary.visits == friend.visits == []


@pytest.mark.usefixtures("anything_else_goes")
def test_a_webhook_whose_name_changes_after_the_check_reaches_nobody_inside(
    team: Team, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([["93.184.216.34"]])

    def flip(_host: str) -> Sequence[str]:
        return next(answers, ["127.0.0.1"])

    monkeypatch.setattr(door, "system_resolver", flip)
    url = f"http://hooks.example:{canary.port}/"
    path = f"/projects/{team.project.pk}/webhooks"
    assert call("POST", path, {"url": url}, team.bearer("maintainer")).status_code == 201
    flip("hooks.example")
    WebhookDelivery.objects.create(webhook=Webhook.objects.get(), event="import.failed", payload={})
    webhooks.deliver_due()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.response_status) == ("pending", None)
    assert "finds no public address" in delivery.error
    assert canary.visits == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_webhooks_redirect_is_followed_nowhere(
    status: int, team: Team, canary: Canary, settings: Any
) -> None:
    answer = Reply(status, [("Location", f"http://127.0.0.1:{canary.port}/")])
    with ScriptedServer(lambda _request: answer) as receiver:
        settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.0/8", receiver.server_name]
        settings.OWN_ENDPOINTS = []
        receipt = sender.send(Parcel(Receiver(f"{receiver.url}/"), uuid.uuid4(), "import.failed", {}))
        assert (receipt.status, receipt.delivered) == (status, False)
        assert len(receiver.seen("POST")) == 1
    assert canary.visits == []
