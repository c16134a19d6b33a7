"""Hours that end inside a layer, at a real registry: the import stops, and goes on in the same layer when they open."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from imageimport.choices import Priority
from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import attempt, leases, monitor, windows
from oci import cancel
from oci.registry.chunked_upload import GATHERED_BYTES
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from testbed.services import RegistryServer
from tests.support.factories import ProjectFactory

#: Most seconds from the end of the hours until no byte moves anymore.
STOPS_WITHIN = 5.0
ARRIVED = 17_500_000


def test_an_import_notices_the_end_of_its_hours_in_time() -> None:
    """When it is looked at, in the worst case, and what is granted to requests under way."""
    looked_at = monitor.LOOK_AT_PROJECT + 2 * monitor.TICK_SECONDS
    assert looked_at + cancel.GRACE_SECONDS < STOPS_WITHIN


@pytest.mark.django_db(transaction=True)
def test_a_layer_goes_on_where_the_end_of_the_hours_stopped_it(
    source: ScriptedRegistry, registry: RegistryServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_PUBLIC_HOST = registry.url, registry.host
    settings.REGISTRY_AUTH = "none"
    image = random_image([20_000_000], seed=72)
    layer = image.blobs[1]
    digest = source.add_image("ns/app", "1", image)
    half, opened = threading.Event(), threading.Event()

    def stands_still(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        if not half.is_set():
            half.set()
            reply.stall_at = ARRIVED
        return reply

    source.rule("GET", f"/blobs/{layer.digest}", stands_still)
    project = ProjectFactory(window="00:00-24:00")
    request = ImportRequest(image_url=f"{source.server_name}/ns/app:1")
    task = services.submit(project=project, user=None, request=request)
    ImportTask.objects.update(priority=Priority.BATCH)
    later = timezone.now() + dt.timedelta(hours=1)
    monkeypatch.setattr(
        windows, "opening", lambda _text, now: later if half.is_set() and not opened.is_set() else now
    )
    run_next()  # Ends by itself, since the source stands still and the hours end.
    task.refresh_from_db()
    assert (task.status, task.attempts, task.not_before) == ("pending", 0, later), task.error
    assert ImportAttempt.objects.get().outcome == "waiting"
    assert ImportLayer.objects.get(digest=layer.digest).kept_upload
    opened.set()
    run_next()
    task.refresh_from_db()
    assert (task.status, task.attempts, task.digest) == ("success", 1, digest), task.error
    begun = [each.headers.get("range", "") for each in source.seen("GET", f"/blobs/{layer.digest}")]
    first, again = (int(each.removeprefix("bytes=").partition("-")[0] or 0) for each in begun)
    assert first == 0 and ARRIVED - 2 * GATHERED_BYTES < again <= ARRIVED, begun
    assert registry.verify(f"{project.name}/ns/app", "1").digest == digest


def run_next() -> None:
    lease = leases.claim(worker="test:1")
    assert lease is not None
    attempt.run(lease)
