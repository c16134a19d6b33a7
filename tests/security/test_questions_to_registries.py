"""A registry that is silent holds few threads of the web process, whoever asks it and however often."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from testbed.portal import PortalProcess

pytestmark = pytest.mark.timeout(300)

#: Plans and tests at once; the process has eight threads.
MANY = 24
#: What others may have to wait on a busy machine; behind silent plans they would wait 25 s and more. Seconds.
PROMPT = 20.0
#: What clients of the registry wait for.
TOKEN = "/service/token?service=registry-portal"
#: Makes members with a token each, and says the tokens.
MEMBERS = f"""
import json
from django.contrib.auth.models import User
from accounts.sign_in.tokens import create_token
from projects.models import Membership, Project
project = Project.objects.get(name="silence")
users = [User.objects.create_user(f"asker-{{number}}") for number in range({MANY})]
for user in users:
    Membership.objects.create(project=project, user=user, role="maintainer")
print(json.dumps([create_token(user=user, scope="admin")[1] for user in users]))
"""


@pytest.fixture(scope="module")
def house(make_module_portal: Callable[..., PortalProcess]) -> PortalProcess:
    return make_module_portal(WEB_CONCURRENCY="1")


@pytest.fixture(scope="module")
def project(house: PortalProcess) -> str:
    return house.project("silence")


@pytest.fixture(scope="module")
def tokens(house: PortalProcess, project: str) -> list[str]:
    made = house.manage("shell", "-v0", "-c", MEMBERS)
    assert made.returncode == 0, made.stderr
    return list(json.loads(made.stdout))


@contextmanager
def silent_registry() -> Iterator[str]:
    """Takes connections and says nothing; at the end it is gone."""
    server = socket.create_server(("127.0.0.1", 0), backlog=200)
    with server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def others_are_answered(house: PortalProcess, *paths: str) -> None:
    for path in ("/healthz", "/accounts/login/", *paths):
        began = time.monotonic()
        assert requests.get(f"{house.url}{path}", timeout=3 * PROMPT).status_code == 200
        assert time.monotonic() - began < PROMPT, path


def plans(house: PortalProcess, project: str, tokens: list[str]) -> list[requests.Response]:
    """A plan for each token, all at once, with others' requests meanwhile; then the registry is gone."""
    path = f"/projects/{project}/images/import/plan"
    with ThreadPoolExecutor(MANY) as pool, silent_registry() as host:
        body = {"image_url": f"{host}/app:1"}
        answers = [pool.submit(house.call, "POST", path, body, token=token) for token in tokens]
        all_but_two_are_answered(answers)
        others_are_answered(house, TOKEN)
    return [answer.result() for answer in answers]


def all_but_two_are_answered(answers: list[Future[requests.Response]]) -> None:
    deadline = time.monotonic() + 120
    while sum(answer.done() for answer in answers) < len(answers) - 2:
        assert time.monotonic() < deadline, "those that find no place are not refused at once"
        time.sleep(0.1)


def refusals(answers: list[requests.Response]) -> list[requests.Response]:
    """Where one that was let in ended before the last had come, on a busy machine, another took its place."""
    found = [answer for answer in answers if answer.status_code == 429]
    for answer in found:
        assert answer.json()["code"] == "throttled"
        assert int(answer.headers["Retry-After"]) >= 1
    return found


def test_plans_of_many_people_leave_threads_to_others(
    house: PortalProcess, project: str, tokens: list[str]
) -> None:
    answers = plans(house, project, tokens)
    assert MANY - 4 <= len(refusals(answers)) <= MANY - 2
    assert {answer.status_code for answer in answers} == {422, 429}


def test_one_persons_plans_leave_threads_to_others(house: PortalProcess, project: str) -> None:
    assert MANY - 4 <= len(refusals(plans(house, project, [house.token] * MANY))) <= MANY - 2


def test_tests_of_sign_ins_leave_threads_to_others(
    house: PortalProcess, project: str, tokens: list[str]
) -> None:
    with ThreadPoolExecutor(MANY) as pool, silent_registry() as host:
        body = {"name": "silent", "registry": host, "username": "ann", "password": "correct horse"}
        saved = house.call("POST", f"/projects/{project}/credentials", body)
        assert saved.status_code == 201, saved.text
        test = f"/projects/{project}/credentials/{saved.json()['id']}/test"
        answers = [pool.submit(house.call, "POST", test, None, token=token) for token in tokens]
        all_but_two_are_answered(answers)
        others_are_answered(house, TOKEN)
    assert len(refusals([answer.result() for answer in answers])) >= MANY - 4
    assert house.call("GET", "/auth/tokens").status_code == 200


def test_readiness_asks_a_silent_registry_by_one_thread(make_portal: Callable[..., PortalProcess]) -> None:
    with silent_registry() as host, ThreadPoolExecutor(8 * MANY) as pool:
        house = make_portal(WEB_CONCURRENCY="1", REGISTRY_URL=f"http://{host}", REGISTRY_AUTH="none")
        looks = [pool.submit(requests.get, f"{house.url}/readyz", timeout=120) for _ in range(8 * MANY)]
        time.sleep(1)  # All of them are on their way.
        others_are_answered(house)
        assert {look.result().status_code for look in looks} == {200}
