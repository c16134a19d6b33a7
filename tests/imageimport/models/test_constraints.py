"""The database holds every row to the state diagram, whatever wrote it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from imageimport.choices import OCCUPYING, TERMINAL, Status
from imageimport.models import ImportTask
from tests.support.factories import BatchFactory, ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "values",
    [
        {"status": "done"},
        {"progress": 101},
        *({"status": status, "completed_at": NOW} for status in Status if status not in TERMINAL),
        *({"status": status, "lease_owner": "worker"} for status in Status if status not in OCCUPYING),
        *({"status": status, "lease_expires_at": NOW} for status in Status if status not in OCCUPYING),
    ],
    ids=lambda values: " ".join(f"{name}={value}" for name, value in values.items()),
)
def test_a_row_that_the_state_diagram_does_not_have_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        TaskFactory(**values)


def test_a_bulk_insert_of_every_status_with_nothing_but_the_contracts_fields_is_taken() -> None:
    project = ProjectFactory()
    rows = [ImportTask(project=project, image_url="nginx", status=status) for status in Status]

    assert len(ImportTask.objects.bulk_create(rows)) == len(Status)


def test_a_batch_is_deleted_with_its_imports_kept() -> None:
    batch = BatchFactory()
    task = TaskFactory(batch=batch, batch_index=0)

    batch.delete()

    task.refresh_from_db()
    assert (task.batch_id, task.batch_index) == (None, 0)
