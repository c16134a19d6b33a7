"""What starts when: limits held at every moment, projects served in turn, one writer a target, a burst of hundreds."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from testbed.services import PostgresServer
from testbed.throttle import Throttle
from tests.support import invariants
from tests.support.house import KIB, House
from tests.support.rows import ENDED
from tests.system.conftest import MakeHouse, new_database, on_both

MOST, MAX_OF_PROJECT = 3, 2
BURST = 500
#: So many of a burst are left to run.
RUN = 40
#: While hundreds wait, a page must still come at once. Seconds.
QUICKLY = 10.0


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, make_house: MakeHouse) -> House:
    limits = {"IMPORT_MAX_RUNNING": str(MOST), "IMPORT_MAX_RUNNING_PER_PROJECT": str(MAX_OF_PROJECT)}
    if request.param == "sqlite":
        return make_house(**limits)
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return make_house(database_url=new_database(postgres), **limits)


@on_both
def test_a_batch_of_one_project_hardly_delays_the_single_import_of_another(house: House) -> None:
    """The batch is there first and is large; the other project's import takes the next free place."""
    batch, slow = [], []
    for number in range(12):
        image = house.image(f"batch/{number}", [256 * KIB])
        # Longer than anything here is waited for: two of them hold their places until they are released.
        slow.append(house.slow(image.blobs[1].digest, 2 * KIB))
        batch.append(house.submit(f"batch/{number}", project="many"))
    house.image("single", [16 * KIB])
    house.until_counts(running=MAX_OF_PROJECT)
    house.succeed(house.submit("single", project="one"))
    waiting = Counter(house.rows.task(task).status for task in batch)["pending"]
    assert waiting == len(batch) - MAX_OF_PROJECT, "none of the batch had to end for it"
    for throttle in slow:
        throttle.release()
    for task in batch:
        house.succeed(task)
    wrong = invariants.limits_were_held(house.rows, most=MOST, most_of_project=MAX_OF_PROJECT)
    assert not wrong


@on_both
def test_a_second_import_to_an_active_target_is_refused(house: House) -> None:
    image = house.image("busy", [64 * KIB])
    slow = house.slow(image.blobs[1].digest, 16 * KIB)
    first = house.submit("busy")
    answers = []

    def ask() -> None:
        body = {"image_url": house.reference("busy")}
        answers.append(house.portal.call("POST", f"/projects/{house.project()}/images/import", body))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {409}
    assert {(answer.json()["code"], answer.json()["task"]) for answer in answers} == {("target_busy", first)}
    slow.release()
    house.succeed(first)


def test_a_burst_of_hundreds_is_accepted_or_told_to_come_back(house: House) -> None:
    names = [f"burst/{number % 20}" for number in range(20)]
    for name in names:
        house.image(name, [4 * KIB])
    projects = [house.project(f"burst-{number}") for number in range(2)]
    _ = house.portal.token
    slowest: list[float] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.3):
            began = time.monotonic()
            assert (
                house.portal.call("GET", f"/projects/{projects[0]}/images/import?page_size=20").status_code
                == 200
            )
            slowest.append(time.monotonic() - began)

    def ask(number: int) -> requests.Response:
        body = {"image_url": house.reference(names[number % 20]), "target_tag": f"t{number}"}
        return house.portal.call("POST", f"/projects/{projects[number % 2]}/images/import", body)

    looking = threading.Thread(target=look)
    looking.start()
    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = list(pool.map(ask, range(BURST)))
    stop.set()
    looking.join()
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 429}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status_code == 429)
    house.accepted += [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert statuses[202] > 0
    assert max(slowest) < QUICKLY
    waiting = [
        (projects[number % 2], answer.json()["id"])
        for number, answer in enumerate(answers)
        if answer.status_code == 202
    ][RUN:]
    with ThreadPoolExecutor(max_workers=8) as pool:
        canceled = Counter(pool.map(partial(cancel, house), waiting))
    assert set(canceled) <= {202, 409}
    deadline = time.monotonic() + 120
    while not {task.status for task in house.rows.tasks().values()} <= ENDED:
        assert time.monotonic() < deadline, house.said()
        time.sleep(0.5)
    tasks = house.rows.tasks()
    assert Counter(tasks[each].status for each in house.accepted)["success"] >= RUN
    assert {tasks[each].status for each in house.accepted} <= {"success", "canceled"}
    wrong = invariants.limits_were_held(house.rows, most=MOST, most_of_project=MAX_OF_PROJECT)
    assert not wrong


def cancel(house: House, task: tuple[str, str]) -> int:
    """The status of the answer; most of a burst is called off, since what counts is that none is lost."""
    project, identifier = task
    return house.portal.call("POST", f"/projects/{project}/images/import/{identifier}/cancel").status_code


def test_interactive_imports_go_before_batches(house: House) -> None:
    throttle = Throttle(20 * KIB)
    house.source.rule("GET", "/v2/queue/.*/blobs/", throttle)
    for number in range(4):
        house.image(f"queue/{number}", [32 * KIB])
    entries = [house.reference(f"queue/{number}") for number in range(4)]
    answer = house.portal.call(
        "POST", f"/projects/{house.project('queue')}/images/import/batches", {"images": entries}
    )
    assert answer.status_code == 202, answer.text
    batch = [task["id"] for task in answer.json()["tasks"]]
    house.accepted += batch
    house.image("queue/now", [8 * KIB])
    single = house.submit("queue/now", project="queue")
    throttle.release()
    for task in [single, *batch]:
        house.succeed(task)
    rows = house.rows.tasks()
    started = [rows[task].started_at or 0.0 for task in batch]
    before = sum(1 for at in started if at < (rows[single].started_at or 0.0))
    assert before <= MAX_OF_PROJECT, "only what was running already was before it"
