"""Beat's sign of life is there once it has handed a task to Redis, and only beat's counts."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from celery.signals import after_task_publish

from registry_portal import celery
from stack.services.portal import beat_service
from testbed.services import RedisServer


def test_beat_touches_its_file_with_every_task_that_redis_takes(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    alive = tmp_path / "alive"
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "registry_portal.settings",
        "PORTAL_DATA_DIR": str(tmp_path / "data"),
        "REDIS_URL": redis_server.url,
        "IMPORT_SWEEP_SECONDS": "1",
        "BEAT_ALIVE_FILE": str(alive),
    }
    spec = beat_service(env=env)
    given = spec.surroundings
    with subprocess.Popen(spec.argv, cwd=given.cwd, env=given.env) as process:
        try:
            deadline = time.monotonic() + 120
            while not alive.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            process.terminate()


def test_other_processes_that_send_tasks_touch_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEAT_ALIVE_FILE", str(tmp_path / "alive"))
    after_task_publish.send(sender="imageimport.tasks.sweep")
    assert not (tmp_path / "alive").exists()
    celery.show_life()
    try:
        after_task_publish.send(sender="imageimport.tasks.sweep")
        assert (tmp_path / "alive").exists()
    finally:
        after_task_publish.disconnect(dispatch_uid="show_life")
