"""How the worker's processes end."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from billiard.pool import Worker

from registry_portal.celery import app


def test_a_process_that_ends_waits_a_moment_only_for_a_parent_that_reads_no_more() -> None:
    assert app.conf.task_ignore_result, "else what is unread would be lost"
    process: Any = Worker.__new__(Worker)
    process.on_ready_counter = SimpleNamespace(value=3)
    assert process._ensure_messages_consumed(completed=3)
    began = time.monotonic()
    assert not process._ensure_messages_consumed(completed=4)
    assert 1 < time.monotonic() - began < 20, "billiard itself waits half a minute"
