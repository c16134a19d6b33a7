"""Reading files ends with the time of a request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from imageimport.bundles import contents, deadline
from imageimport.models import ImportBatch
from oci.layout.archive import Archive
from projects.models import Project
from testbed.scripted_registry import Reply, Request, ScriptedRegistry
from tests.imageimport.uploading import ONE, plan, project, start, upload
from tests.support.content.archives import layout

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("ask", [start, plan])
def test_reading_a_file_ends_before_proxies_give_up(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any]
) -> None:
    file = upload(project, layout({"app:1": ONE}))
    monkeypatch.setattr(deadline, "READING_SECONDS", 0.05)
    real = contents.images_of

    def slow(archive: Archive) -> list[str]:
        time.sleep(1)
        return real(archive)

    monkeypatch.setattr(contents, "images_of", slow)
    late = ask(api, project, file)
    assert (late.status_code, late.json()["code"]) == (503, "timeout")
    assert not ImportBatch.objects.exists()


def test_looking_for_what_a_file_lacks_ends_with_the_time_of_a_request(
    api: APIClient, project: Project, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "READING_SECONDS", 1.0)
    over = threading.Event()

    def silent(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        over.wait(240)
        return proceed()

    target.rule("HEAD", "/blobs/", silent)
    kept = [blob.digest for blob in ONE.all_manifests()]
    began = time.monotonic()
    late = plan(api, project, upload(project, layout({"app:1": ONE}, only=kept)))
    over.set()
    assert (late.status_code, late.json()["code"]) == (503, "timeout")
    assert time.monotonic() - began < 60
