"""How far a batch is, and what became of each import."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from imageimport.batches.selectors import results_of, totals_of
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.submission import services
from projects.models import Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.batches.making import counts, make

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_batch_is_complete_when_its_last_import_has_ended(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    source.add_image("app/one", "1", random_image([1000], seed=1))
    source.add_image("app/two", "1", random_image([1000, 500], seed=2))
    host = source.server_name
    batch = make(team, f"{host}/app/one:1", f"{host}/app/two:1", f"{host}/app/gone:1")
    assert (totals_of(batch).progress, totals_of(batch).eta_seconds) == (0, None)
    work()
    batch.refresh_from_db()
    totals = totals_of(batch)
    assert counts(batch) == {"success": 2, "failed": 1}
    assert (totals.progress, totals.total, totals.eta_seconds) == (100, 3, None)
    assert totals.bytes_done == totals.bytes_total > 2000
    assert batch.completed_at is not None
    rows = list(results_of(batch))
    assert [(row["index"], row["status"], row["error_code"]) for row in rows] == [
        (0, "success", ""),
        (1, "success", ""),
        (2, "failed", "not_found"),
    ]
    assert rows[2]["error"].startswith("Image not found: app/gone:1 doesn't exist on ")


def test_retrying_one_import_of_a_batch_twice_counts_once(team: tuple[User, Project]) -> None:
    batch = make(team, "a")
    batch.tasks.update(status=Status.FAILED)
    old = batch.tasks.select_related("project").get()
    first = services.retry(task=old, user=team[0])
    ImportTask.objects.filter(pk=first.pk).update(status=Status.FAILED)
    old.refresh_from_db()
    services.retry(task=old, user=team[0])
    assert totals_of(batch).total == 1
