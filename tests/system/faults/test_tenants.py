"""What one account can do to another, through the whole product: it takes its share, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from imageimport.webhooks.deliveries import PARALLEL
from imageimport.webhooks.sender import ANSWER_SECONDS
from testbed.scripted_http import Reply, Request, ScriptedServer
from tests.support.house import KIB, House
from tests.support.tenants import Tenant, tenant
from tests.system.conftest import MakeHouse

MOST = 3
SLOW_SECONDS = 4
#: Projects with 20 webhooks each to a silent receiver, and how long it takes to try them all, eight at once. Seconds.
FLOODS = ("", "b", "c", "d")
MANY_TRIES = 20 * len(FLOODS) / PARALLEL * ANSWER_SECONDS


@pytest.fixture(scope="module")
def house(make_house: MakeHouse) -> House:
    return make_house(
        IMPORT_MAX_RUNNING=str(MOST),
        IMPORT_MAX_RUNNING_PER_PROJECT="2",
        IMPORT_SLOW_SECONDS=str(SLOW_SECONDS),
        IMPORT_STALL_SECONDS="30",
        WEBHOOK_PRIVATE_HOSTS="127.0.0.1",
    )


def drips(house: House, who: Tenant, number: int) -> tuple[str, str, Callable[[], None]]:
    """An import of one layer that comes at once and one that hardly comes: its id, the first layer, an end of it."""
    name = f"{who.name}/drip{number}"
    image = house.image(name, [20 * KIB, 300 * KIB])
    throttle = house.slow(image.blobs[2].digest, KIB)
    task = who.submit(house.reference(name), project=f"p{number}")
    house.accepted.append(task)
    return task, image.blobs[1].digest, throttle.release


def running(house: House, tasks: list[str]) -> list[str]:
    rows = house.rows.tasks()
    return [task for task in tasks if rows[task].status == "running"]


def test_one_account_holds_all_places_but_one_and_what_drips_gives_way_to_others(house: House) -> None:
    bob, carol, alice = (tenant(house.portal, name) for name in ("bob", "carol", "alice"))
    slow = [drips(house, bob, number) for number in range(4)]
    tasks = [task for task, _layer, _release in slow]
    house.image("quick", [20 * KIB])
    house.until_counts(running=MOST - 1)
    first = alice.submit(house.reference("quick"))
    house.succeed(first)
    assert len(running(house, tasks)) == MOST - 1

    # With another one's drip in the last place nothing is free: one of them gives way.
    slow.append(drips(house, carol, 0))
    house.until_counts(running=MOST)
    second = alice.submit(house.reference("quick"), target_name="again")
    house.succeed(second)
    gave_way = {
        a.task for a in house.rows.attempts() if (a.outcome, a.error_code) == ("handed_back", "stalled")
    }
    assert gave_way & {task for task, _layer, _release in slow}
    for _task, _layer, release in slow:
        release()
    for task, layer, _release in slow:
        assert house.succeed(task, timeout=90).attempts == 1, "it burned none"
        assert len(house.source.seen("GET", layer)) == 1, "a finished layer stays"
    house.accepted += [first, second]


def test_a_schedule_of_slow_answers_keeps_no_other_accounts_waiting(house: House) -> None:
    dora, emil = tenant(house.portal, "dora"), tenant(house.portal, "emil")
    house.image("lazy", [KIB])
    house.image("prompt", [KIB])
    there = house.source.repository("lazy").manifests
    there |= {f"t{number}": there["1"] for number in range(50)}

    def hold(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        house.source._stopping.wait(3)
        return proceed()

    rule = house.source.rule("HEAD", "/lazy/manifests/", hold)
    try:
        for number in range(3):
            made = dora.made(
                "schedules",
                {
                    "image_url": f"{house.source.server_name}/lazy",
                    "tags": ["t*"],
                    "cron": "0 3 1 1 *",
                    "target_name": f"lazy{number}",
                },
            )
            dora.made(f"schedules/{made['id']}/run", {})
        time.sleep(6)
        made = emil.made(
            "schedules",
            {"image_url": f"{house.source.server_name}/prompt", "tags": ["1"], "cron": "0 3 1 1 *"},
        )
        began = time.monotonic()
        emil.made(f"schedules/{made['id']}/run", {})
        path = f"/projects/{emil.project()}/schedules/{made['id']}"
        while (found := emil.call("GET", path).json())["last_result"] is None:
            assert time.monotonic() - began < 60, house.said()
            time.sleep(0.2)
        assert found["last_result"] == {"checked": 1, "imported": 1, "unchanged": 0, "failed": 0}
    finally:
        house.source.rules.remove(rule)
        assert dora.call("DELETE", f"/projects/{dora.project()}").status_code == 204


def test_silent_receivers_of_one_keep_nobody_elses_news_waiting(house: House) -> None:
    fred, gina = tenant(house.portal, "fred"), tenant(house.portal, "gina")
    with ScriptedServer() as silent, ScriptedServer(lambda _request: Reply(204)) as receiver:

        def hang(_request: Any) -> Reply:
            silent._stopping.wait(30)
            return Reply(200)

        silent._handler = hang
        for name in FLOODS:
            for number in range(20):
                wanted = {"url": f"{silent.url}/{number}", "secret": "", "events": ["import.failed"]}
                fred.made("webhooks", wanted, project=name)
        answer = fred.call("POST", f"/projects/{fred.project()}/webhooks", {"url": f"{silent.url}/too-many"})
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")
        gina.made("webhooks", {"url": f"{receiver.url}/hook", "secret": ""})
        failing = [fred.submit(house.reference("is-not-there", "1"), project=name) for name in FLOODS]
        for task in failing:
            house.fail(task, "not_found")
        house.image("news", [KIB])
        house.succeed(gina.submit(house.reference("news")))
        began = time.monotonic()
        while not receiver.requests:
            assert time.monotonic() - began < MANY_TRIES / 2, house.said()
            time.sleep(0.1)
        house.accepted += failing


def test_an_image_that_lacks_a_layer_for_good_fails_alone_in_bounded_time_and_requests(house: House) -> None:
    hugo = tenant(house.portal, "hugo")
    images = {f"batch/{number}": house.image(f"batch/{number}", [30 * KIB, 40 * KIB]) for number in range(5)}
    gone = images["batch/2"].blobs[1].digest
    house.source.rule("", f"/batch/2/blobs/{gone}", Reply(404))
    began = time.monotonic()
    body = {"images": [house.reference(name) for name in images]}
    batch = hugo.made("images/import/batches", body)["id"]
    path = f"/projects/{hugo.project()}/images/import/batches/{batch}"
    while (found := hugo.call("GET", path).json())["completed_at"] is None:
        assert time.monotonic() - began < 120, house.said()
        time.sleep(0.2)
    assert found["counts"] == {
        "requested": 0,
        "pending": 0,
        "running": 0,
        "success": 4,
        "failed": 1,
        "canceled": 0,
    }
    failed = [task for task in house.rows.tasks().values() if task.target_name == "batch/2"]
    assert [(task.status, task.error_code) for task in failed] == [("failed", "source_error")]
    assert len(house.source.seen("", gone)) <= 6, "nobody asks for hours"


def test_an_account_makes_so_many_projects(house: House) -> None:
    ida = tenant(house.portal, "ida")
    code = (
        "from projects.models import Project; from django.contrib.auth.models import User; "
        "u = User.objects.get(username='ida'); "
        "Project.objects.bulk_create(Project(name=f'ida-{n}', created_by=u) for n in range(100))"
    )
    made = house.portal.manage("shell", "-v0", "-c", code)
    assert made.returncode == 0, made.stderr
    answer = ida.call("POST", "/projects", {"name": "one-more", "visibility": "private"})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_projects")
    assert "100" in answer.json()["detail"]
