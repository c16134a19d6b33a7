"""Answers to a pull, as registries give them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from imageimport.choices import Status
from imageimport.first_pull.held import ASK_AGAIN
from imageimport.models import ImportTask
from projects.models import Project
from stack.sample import sample_image
from testbed.scripted_registry import Act, Reply, ScriptedRegistry, hang_up, refuse
from tests.imageimport.first_pull.conftest import Ask
from tests.imageimport.first_pull.saying import code, robot, said

pytestmark = pytest.mark.django_db(transaction=True)


def test_after_the_wait_the_answer_says_how_far_it_is(
    ask: Ask, project: Project, target: ScriptedRegistry, settings: Any
) -> None:
    login = robot(project).login
    ask(login)
    ImportTask.objects.update(progress=45, eta_seconds=12, status=Status.PENDING)
    answer = ask(login, held=settings.FIRST_PULL_WAIT_SECONDS + 0.1)
    assert answer.status_code == 503
    assert ASK_AGAIN not in answer.headers
    assert answer.headers["Retry-After"] == "12"
    assert "45% done, about 12 seconds left" in said(answer)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (refuse(503, "UNAVAILABLE"), "503"),
        (hang_up(), "was lost"),
    ],
    ids=["503", "away"],
)
def test_where_the_source_is_away_the_answer_says_so_and_when_to_come_back(
    ask: Ask,
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Any,
    settings: Any,
    fault: Act | Reply,
    why: str,
) -> None:
    source.add_image("ns/app", "1", sample_image())
    source.rule("", "/v2/", fault)
    login, waited = robot(project).login, settings.FIRST_PULL_WAIT_SECONDS + 0.1
    ask(login)
    (task,) = work()
    assert (task.status, task.attempts) == (Status.PENDING, 1)
    answer = ask(login, held=waited)
    assert (answer.status_code, code(answer)) == (503, "UNAVAILABLE")
    assert "% done. The import is waiting" in said(answer) and why in said(answer)
    assert 1 <= int(answer.headers["Retry-After"]) <= 3
    # No attempt is left.
    settings.IMPORT_MAX_ATTEMPTS = 2
    ImportTask.objects.update(not_before=None)
    (task,) = work()
    assert task.status == Status.FAILED
    answer = ask(login, held=waited)
    assert (answer.status_code, code(answer)) == (503, "UNAVAILABLE")
    assert why in said(answer) and answer.headers["Retry-After"]


def test_what_is_not_at_the_source_is_unknown_by_head_and_get_and_asked_for_once(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Any
) -> None:
    login = robot(project).login
    ask(login)
    work()
    answer = ask(login, held=1.0)
    assert (answer.status_code, code(answer)) == (404, "MANIFEST_UNKNOWN")
    assert "ns/app:1" in said(answer)
    head = ask(login, method="head")
    assert (head.status_code, head.content) == (404, b"")
    assert ImportTask.objects.count() == 1
    # Later it may be there.
    ImportTask.objects.update(completed_at=timezone.now() - dt.timedelta(seconds=11))
    assert ask(login).status_code == 503
    assert ImportTask.objects.count() == 2


def test_a_full_project_denies_and_a_full_queue_asks_for_patience(
    ask: Ask, project: Project, target: ScriptedRegistry, settings: Any
) -> None:
    login = robot(project).login
    Project.objects.update(quota_images=0)
    answer = ask(login)
    assert (answer.status_code, code(answer)) == (403, "DENIED")
    Project.objects.update(quota_images=None)
    settings.IMPORT_MAX_QUEUED_PER_PROJECT = 0
    answer = ask(login)
    assert (answer.status_code, code(answer), answer.headers["Retry-After"]) == (503, "UNAVAILABLE", "30")


def test_names_that_stand_for_no_source_are_unknown_and_short_ones_are_told_the_whole(
    ask: Ask, project: Project, target: ScriptedRegistry
) -> None:
    login = robot(project).login
    short = ask(login, name=f"{project.name}/docker.io/nginx")
    assert (short.status_code, code(short)) == (404, "MANIFEST_UNKNOWN")
    assert f"{project.name}/docker.io/library/nginx:1" in said(short)
    assert ask(login, name=f"{project.name}/app/web").status_code == 404
    attached = ask(login, f"sha256-{'a' * 64}.sig")
    assert (attached.status_code, code(attached)) == (404, "MANIFEST_UNKNOWN")
    assert not ImportTask.objects.exists()
