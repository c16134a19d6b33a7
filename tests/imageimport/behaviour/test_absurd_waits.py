"""A source that asks for a wait of years is asked once more, and then the import says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache, caches
from django.db.models import F
from django.utils import timezone

from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from testbed.scripted_acts import too_many
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import ProjectFactory

LONGEST = 6 * 3600


def pass_six_hours() -> None:
    """What six hours change: the wait is over, and what the source said of its limits is forgotten."""
    cache.clear()
    caches["local"].clear()
    ImportTask.objects.update(not_before=None, waiting_since=F("waiting_since") - timedelta(seconds=LONGEST))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("target")
def test_it_is_asked_at_most_once_more_and_then_it_is_said(
    source: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> None:
    source.rule("", "/v2/", too_many("Sun, 01 Jan 5026 00:00:00 GMT"))
    request = ImportRequest(image_url=f"{source.server_name}/library/app:v1")
    services.submit(project=ProjectFactory(), user=None, request=request)
    (task,) = work()
    assert task.status == "pending" and task.not_before is not None
    assert (task.not_before - timezone.now()).total_seconds() < LONGEST + 60
    assert "asks to wait until 5026-01-01 00:00 UTC" in task.message
    before = len(source.requests)
    pass_six_hours()
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "rate_limited")
    assert "5026" in task.error
    assert len(source.requests) - before <= 1
