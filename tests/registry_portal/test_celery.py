"""How the worker's processes end, and for whom its tasks act."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from billiard.pool import Worker
from django.contrib.auth.models import User

from accounts import caller
from accounts.caller import Actor, acting_as, calling_from, current_actor, current_address
from imageimport import tasks
from registry_portal.celery import PortalTask, app


def test_a_process_that_ends_waits_a_moment_only_for_a_parent_that_reads_no_more() -> None:
    assert app.conf.task_ignore_result, "else what is unread would be lost"
    process: Any = Worker.__new__(Worker)
    process.on_ready_counter = SimpleNamespace(value=3)
    assert process._ensure_messages_consumed(completed=3)
    began = time.monotonic()
    assert not process._ensure_messages_consumed(completed=4)
    assert 1 < time.monotonic() - began < 20, "billiard itself waits half a minute"


def test_of_two_tasks_in_one_process_neither_acts_for_who_was_before() -> None:
    """Run as a worker runs them. Each leaves someone behind, which no block takes back."""
    found: list[tuple[Actor, str | None]] = []

    @app.task(shared=False)
    def leaves_someone() -> None:
        found.append((current_actor(), current_address()))
        caller._actor.set(lambda: Actor(None, "who was before"))
        caller._address.set("203.0.113.5")

    try:
        for _ in range(2):
            assert leaves_someone.apply().successful()
        assert found == [(Actor(), None)] * 2
        assert (current_actor(), current_address()) == (Actor(), None)
        # Nor for who is answered in this thread.
        with calling_from("203.0.113.5"), acting_as(User(username="ann")):
            leaves_someone()
            assert (current_actor().name, current_address()) == ("ann", "203.0.113.5")
        assert found[2] == (Actor(), None)
    finally:
        app.tasks.unregister(leaves_someone.name)


def test_every_task_of_ours_is_one_of_these() -> None:
    ours = [task for name, task in app.tasks.items() if name.startswith("imageimport.")]
    assert len(ours) > 10 and tasks.sweep in ours
    assert all(isinstance(task, PortalTask) for task in ours)
