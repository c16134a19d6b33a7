"""Of imports that run at the same time, those pass that fit."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection

from imageimport.models import ImportTask
from imageimport.worker import leases
from imageimport.worker.progress import Progress
from imageimport.worker.within_quota import WithinQuota
from oci.copy.observer import LayerPlan
from oci.errors import OciError
from projects.locking import LeaseLost
from projects.models import Project
from tests.imageimport.limiting import limit, team
from tests.support.factories import ImageFactory, TaskFactory

__all__ = ["team"]
pytestmark = pytest.mark.django_db(transaction=True)


def running(project: Project, name: str) -> WithinQuota:
    """An import that has its place and does not know yet how large its image is."""
    task = TaskFactory(project=project, target_name=name)
    lease = leases.claim(worker="test:1")
    assert lease is not None
    assert lease.task_id == task.pk
    return WithinQuota(Progress(lease), task)


def passes(one: WithinQuota, size: int) -> bool:
    try:
        one.layers([LayerPlan("sha256:" + uuid.uuid4().hex, size, "")])
    except OciError as exc:
        assert exc.code == "quota_exceeded"
        return False
    return True


def test_who_passed_is_counted_from_that_moment_on(team: tuple[User, Project]) -> None:
    limit(team[1], quota_bytes=60_000)
    ImageFactory(project=team[1], size=20_000)
    one, other = running(team[1], "a"), running(team[1], "b")
    assert [passes(one, 30_000), passes(other, 30_000)] == [True, False]
    assert sorted(ImportTask.objects.values_list("bytes_total", flat=True)) == [0, 30_000]


def test_of_two_who_are_asked_at_the_same_moment_one_passes(team: tuple[User, Project]) -> None:
    limit(team[1], quota_bytes=50_000)
    both = [running(team[1], "a"), running(team[1], "b")]
    together = threading.Barrier(2)

    def ask_now(one: WithinQuota) -> bool:
        try:
            together.wait()
            return passes(one, 30_000)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask_now, both)) == [False, True]


def test_a_late_attempt_takes_up_no_room(team: tuple[User, Project]) -> None:
    limit(team[1], quota_bytes=50_000)
    late = running(team[1], "a")
    ImportTask.objects.update(fence=7)
    with pytest.raises(LeaseLost):
        passes(late, 30_000)
    assert ImportTask.objects.get().bytes_total == 0
