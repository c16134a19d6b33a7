"""What a person asks for and a worker does, one after the other."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from projects.models import Image, ImageScan
from projects.scanning import running
from tests.support.people import Team, call


def work(steps: int = 8) -> None:
    """The worker, as if the pauses between its questions were over."""
    for _ in range(steps):
        ImageScan.objects.filter(next_at__isnull=False).update(next_at=timezone.now())
        running.run_due(stop=lambda: False)


def ask(
    team: Team, row: Image, tail: str = "", method: str = "GET", as_: str = "viewer", status: int = 200
) -> Any:
    path = f"/projects/{team.project.pk}/images/{row.pk}{tail}"
    answer = call(method, path, headers=team.bearer(as_))
    assert answer.status_code == status, answer.content
    return answer.json()


def scan(team: Team, row: Image) -> Any:
    """Ask for a scan and let the worker do it; what is said of the image then."""
    ask(team, row, "/scan", "POST", "developer", 202)
    work()
    return ask(team, row)["vulnerabilities"]
