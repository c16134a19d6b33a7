"""A tag that is here is asked for at its source after some time, and served whatever comes of it."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from django.utils import timezone

from imageimport.choices import Priority, Status
from imageimport.first_pull import freshness
from imageimport.first_pull.held import ASK_AGAIN
from imageimport.models import ImportTask, PolicyRule, TagDigest
from projects.models import Collection, Image, Project, Robot
from stack.sample import sample_image
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry, hang_up
from tests.imageimport.first_pull.conftest import Ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def login(project: Project, source: ScriptedRegistry, target: ScriptedRegistry, ask: Ask, work: Any) -> str:
    """A robot of the project, in which the image is by now."""
    source.add_image("ns/app", "1", sample_image())
    login = Robot.objects.create(project=project, name="ci", digest="x").login
    ask(login)
    (task,) = work()
    assert task.status == Status.SUCCESS
    source.requests.clear()
    return login


def heads(source: ScriptedRegistry) -> int:
    return sum(each.method == "HEAD" and "/manifests/" in each.path for each in source.requests)


def fresh(project: Project, seconds: int) -> None:
    Project.objects.filter(pk=project.pk).update(first_pull_fresh_seconds=seconds)


def is_here(answer: Any) -> bool:
    return answer.status_code == 200 and "X-Accel-Redirect" in answer.headers


def test_within_its_time_the_front_is_told_so_and_the_source_hears_nothing(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    answer = ask(login, kind="fresh")
    assert (answer.status_code, answer.headers["X-Accel-Expires"]) == (204, "10")
    fresh(project, 5)
    assert int(ask(login, kind="fresh").headers["X-Accel-Expires"]) <= 5
    assert source.requests == []


def test_what_is_not_here_yet_is_remembered_no_longer_than_it_would_be_fresh(
    ask: Ask, project: Project, source: ScriptedRegistry
) -> None:
    login = Robot.objects.create(project=project, name="ci", digest="x").login
    for seconds, told in ((3600, "10"), (4, "4"), (0, "0")):
        fresh(project, seconds)
        assert ask(login, kind="fresh").headers["X-Accel-Expires"] == told


def test_after_it_one_head_asks_and_the_tag_is_fresh_again(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    ImportTask.objects.update(completed_at="2020-01-01T00:00:00Z")
    assert ask(login, kind="fresh").status_code == 403
    assert is_here(ask(login, kind="stale"))
    assert (heads(source), len(source.requests)) == (1, 1)
    assert ask(login, kind="fresh").status_code == 204
    fresh(project, 0)
    assert ask(login, kind="fresh").status_code == 403
    assert is_here(ask(login, kind="stale"))
    assert heads(source) == 2


def test_a_tag_that_has_moved_is_imported_while_the_pull_waits(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str, work: Any, settings: Any
) -> None:
    fresh(project, 0)
    moved = random_image([4000], seed=5)
    source.add_image("ns/app", "1", moved)
    began = time.monotonic()
    waits = ask(login, kind="stale")
    assert (waits.status_code, ASK_AGAIN in waits.headers) == (503, True)
    # What is here is better than an error.
    assert is_here(ask(login, kind="stale", held=settings.FIRST_PULL_WAIT_SECONDS + 1))
    assert heads(source) == 1
    work()
    source.requests.clear()
    here = ask(login, kind="stale", held=time.monotonic() - began)
    # The front asks for it as missing where the registry turns out to have lost it.
    assert here.headers["X-Accel-Redirect"] == "@registry-or-missing"
    assert Image.objects.get().digest == moved.digest
    assert source.requests == []


def test_a_moved_tag_that_does_not_arrive_is_tried_once_by_a_pull(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str, work: Any
) -> None:
    fresh(project, 0)
    came = Image.objects.get().digest
    source.add_image("ns/app", "1", random_image([4000], seed=9))
    began = time.monotonic()
    assert ask(login, kind="stale").status_code == 503
    source.rule("GET", "/v2/ns/app/", Reply(404))
    assert [task.status for task in work()] == [Status.SUCCESS, Status.FAILED]
    source.requests.clear()
    assert is_here(ask(login, kind="stale", held=time.monotonic() - began))
    assert (Image.objects.get().digest, ImportTask.objects.count(), source.requests) == (came, 2, [])


@pytest.mark.parametrize("for_its_hours", [False, True])
def test_no_pull_waits_for_an_import_that_is_not_due(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str, for_its_hours: bool
) -> None:
    fresh(project, 0)
    source.add_image("ns/app", "1", random_image([4000], seed=7))
    assert ask(login, kind="stale").status_code == 503
    source.requests.clear()
    later = timezone.now() + dt.timedelta(minutes=5)
    rows = ImportTask.objects.filter(status=Status.PENDING)
    assert rows.update(not_before=later, waits_for_window=for_its_hours, priority=Priority.BATCH) == 1
    assert is_here(ask(login, kind="stale"))
    assert is_here(ask(login, kind="stale", held=1.0))
    # It comes when it is due, and no other one does.
    task = rows.get()
    assert (task.not_before, task.waits_for_window, task.priority) == (later, for_its_hours, Priority.BATCH)
    assert ImportTask.objects.count() == 2
    assert source.requests == []


def test_no_pull_waits_for_an_import_that_a_collection_holds_back(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    fresh(project, 0)
    source.add_image("ns/app", "1", random_image([4000], seed=8))
    collection = Collection.objects.create()
    assert is_here(ask(login, kind="stale"))
    assert (ImportTask.objects.count(), source.requests) == (1, [])
    Collection.objects.update(state=Collection.State.DONE)
    assert ask(login, kind="stale").status_code == 503
    # Nor for one that was asked for before.
    Collection.objects.filter(pk=collection.pk).update(state=Collection.State.RUNNING)
    assert is_here(ask(login, kind="stale"))
    assert is_here(ask(login, kind="stale", held=1.0))
    assert ImportTask.objects.count() == 2


def test_with_the_source_away_what_is_here_is_served_and_the_source_is_left_alone(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    fresh(project, 0)
    source.rule("", "/v2/", hang_up())
    assert is_here(ask(login, kind="stale"))
    assert ask(login, kind="fresh").status_code == 204
    assert ImportTask.objects.count() == 1


def test_a_tag_that_is_gone_at_its_source_stays(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    fresh(project, 0)
    del source.repositories["ns/app"].manifests["1"]
    assert is_here(ask(login, kind="stale"))
    assert ImportTask.objects.count() == 1


def test_a_source_that_a_rule_refuses_now_hears_nothing(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    fresh(project, 0)
    PolicyRule.objects.create(project=project, name="no", action="refuse")
    assert is_here(ask(login, kind="stale"))
    assert source.requests == []


def test_of_many_that_ask_at_once_one_asks_the_source(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    from django.core.cache import cache

    fresh(project, 0)
    wanted_key = freshness._key(project, _wanted(project, source))
    cache.add(f"{wanted_key}:asking", 1, 30)
    waits = ask(login, kind="stale")
    assert (waits.status_code, ASK_AGAIN in waits.headers) == (503, True)
    cache.delete(f"{wanted_key}:asking")
    assert is_here(ask(login, kind="stale"))
    # The one that waited sees that it was asked since.
    assert is_here(ask(login, kind="stale", held=5.0))
    assert heads(source) == 1


def _wanted(project: Project, source: ScriptedRegistry) -> Any:
    from imageimport.first_pull.names import read

    return read(f"{project.name}/{source.server_name.replace(':', '__')}/ns/app", "1")


def test_what_a_person_pushed_or_set_back_is_theirs(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    fresh(project, 0)
    source.add_image("ns/app", "1", random_image([4000], seed=6))
    pushed = Image.objects.get()
    Image.objects.update(source_image="", digest=f"sha256:{'1' * 64}")
    assert ask(login, kind="fresh").status_code == 204
    assert is_here(ask(login, kind="stale"))
    assert source.requests == []
    # Set back by hand from what the source names now.
    Image.objects.update(source_image=pushed.source_image)
    now = random_image([4000], seed=6).digest
    common = {
        "project": project,
        "repository": pushed.repository,
        "tag": "1",
        "source_image": pushed.source_image,
    }
    task = ImportTask.objects.get().pk
    TagDigest.objects.create(digest=now, source_digest=now, task=task, **common)
    TagDigest.objects.create(digest=f"sha256:{'1' * 64}", task=None, **common)
    assert is_here(ask(login, kind="stale"))
    assert ImportTask.objects.count() == 1


def test_strangers_get_what_is_here_and_the_source_hears_nothing(
    ask: Ask, project: Project, source: ScriptedRegistry, login: str
) -> None:
    ImportTask.objects.update(completed_at="2020-01-01T00:00:00Z")
    Project.objects.update(visibility=Project.Visibility.PUBLIC)
    told = ask("", kind="fresh")
    # The front remembers nothing of it: the next client may be one who asks.
    assert (told.status_code, told.headers["X-Accel-Expires"]) == (204, "0")
    assert is_here(ask("", kind="stale"))
    ImportTask.objects.update(completed_at=timezone.now())
    fresh(project, 5)
    assert 0 < int(ask("", kind="fresh").headers["X-Accel-Expires"]) < 5
    Project.objects.update(first_pull=Project.FirstPull.OFF)
    assert ask(login, kind="fresh").headers["X-Accel-Expires"] == "10"
    assert is_here(ask(login, kind="stale"))
    assert source.requests == []
