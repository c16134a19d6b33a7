"""A cancel that is asked for in the very moment before the tag, through the whole pipeline and the real engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.worker import leases, monitor
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import TaskFactory


@pytest.mark.django_db(transaction=True)
def test_who_is_told_that_it_is_canceled_finds_the_tag_as_it_was(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.add_image("team/app", "v1", random_image([4_000], seed=5))
    image = f"{source.server_name}/team/app:v1"
    task = TaskFactory(image_url=image, source_image=image, target_name="app", target_tag="v1")

    def cancel_first(lease: leases.Lease) -> bool:
        services.cancel(task=ImportTask.objects.get(pk=lease.task_id))
        return leases.begin_commit(lease)

    monkeypatch.setattr(monitor, "begin_commit", cancel_first)
    (done,) = work()
    assert done.pk == task.pk
    assert done.status == "canceled"
    assert "v1" not in target.repository(f"{task.project.name}/app").manifests
