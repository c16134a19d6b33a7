"""Imports that ended, and the numbers that tell of them."""

from __future__ import annotations

from typing import Any

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from imageimport.choices import Status
from imageimport.metrics import collector
from imageimport.models import ImportTask
from imageimport.worker import completion, leases
from oci.errors import OciError
from tests.support.factories import TaskFactory


def numbers() -> dict[tuple[str, ...], float]:
    """Every sample: its name, then its labels as ``name=value`` in order, to its value."""
    text = generate_latest(collector.registry()).decode()
    return {
        (sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def ended(status: Status, *, code: str = "", **values: Any) -> ImportTask:
    """An import that was begun and ended."""
    task = TaskFactory(**values)
    lease = leases.claim(worker="test:1")
    assert lease is not None
    ImportTask.objects.filter(pk=task.pk).update(bytes_done=1000, bytes_reused=400)
    error = OciError(code, "It.") if code else None
    assert completion.end(task.pk, fence=lease.fence, status=status, error=error)
    return task
