"""The state of the installation: for superusers, true, and quick where services are away."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.choices import Priority, Status
from imageimport.models import SourceWay
from imageimport.worker import windows
from projects.models import Project
from registry_portal.celery import app
from registry_portal.home import status
from tests.support.factories import TaskFactory, ended_task
from tests.support.fresh import fresh_memory
from tests.support.people import Team

__all__ = ["fresh_memory"]

pytestmark = pytest.mark.django_db


def shown(team: Team, caller: str = "superuser") -> tuple[int, str]:
    client = Client(headers={"accept-language": "en"})
    client.force_login(team.users[caller])
    answer = client.get("/status/")
    return answer.status_code, answer.content.decode()


def test_the_state_of_the_installation_is_for_superusers() -> None:
    team = Team.make()
    assert shown(team, "owner")[0] == 403
    assert shown(team)[0] == 200


def test_services_that_are_away_are_said_and_the_rest_is_there(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.REGISTRY_URL = "http://127.0.0.1:1"
    team = Team.make()
    found = status.look()
    assert found.services["database"] == "ok" and found.services["registry"].startswith("away")
    assert found.workers is None
    code, text = shown(team)
    assert code == 200
    assert "The state of the workers is not known" in text
    assert text.count("Unavailable") == 2


def test_queue_errors_sources_and_versions_are_those_of_the_rows(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    team = Team.make()
    TaskFactory(project=team.project, status=Status.RUNNING, stage="pull", lease_owner="worker-7")
    later = timezone.now() + dt.timedelta(hours=1)
    TaskFactory(project=team.project, status=Status.PENDING, not_before=later, source_registry="ghcr.io")
    ended_task(Status.FAILED, project=team.project, error_code="tls_error", error="No certificate.")
    SourceWay.objects.create(registry="quay.io", error_code="unreachable", error="Quay is away.")
    SourceWay.objects.create(registry="fine.example")
    found = status.look()
    assert (found.numbers["imports_running"], found.numbers["imports_waiting"]) == (1, 1)
    assert found.places == [("worker-7", 1)]
    assert [(row["source_registry"], row["imports"]) for row in found.held_back] == [("ghcr.io", 1)]
    assert [way.registry for way in found.ways] == ["quay.io"]
    _code, text = shown(team)
    for words in ("worker-7", "ghcr.io", "tls_error", "No certificate.", "Quay is away."):
        assert words in text, words
    assert dict(found.versions)["Registry Portal"] == "0.1.0"


def test_what_waits_for_its_hours_waits_for_no_registry(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.IMPORT_WINDOW = "01:00-02:00 UTC"
    team, now = Team.make(), timezone.now().replace(hour=12)
    Project.objects.filter(pk=team.project.pk).update(window="03:00-04:00 UTC")
    TaskFactory(project=team.project, priority=Priority.BATCH, source_registry="ghcr.io")
    windows.hold_back(now)
    assert status._out_of_hours(now) == {"imports": 1, "until": None}, "they never overlap"
    Project.objects.filter(pk=team.project.pk).update(window="")
    windows.hold_back(now)
    opens = now.replace(hour=1, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    assert status._out_of_hours(now) == {"imports": 1, "until": opens}
    assert status._held_back(now) == []
    _code, text = shown(team)
    assert "Waiting for their hours" in text and "ghcr.io" not in text


def test_a_disk_is_named_once() -> None:
    disks = status.disks()
    assert disks and all(0 < disk.free <= disk.total for disk in disks)
    assert len({disk.path.stat().st_dev for disk in disks}) == len(disks)


def test_workers_that_answer_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answering:
        def stats(self) -> dict[str, Any]:
            return {"celery@b": {"pool": {"max-concurrency": 5}, "uptime": 90}, "celery@a": {}}

    monkeypatch.setattr(app.control, "inspect", lambda **_options: Answering())
    found = status.workers()
    assert found is not None
    assert [(worker.name, worker.places) for worker in found] == [("celery@a", 0), ("celery@b", 5)]
