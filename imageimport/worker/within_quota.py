"""An attempt's progress that ends the import where its image is too large for the project."""

from __future__ import annotations

from collections.abc import Sequence

from imageimport.models import ImportTask
from imageimport.quotas import check_task
from imageimport.worker.progress import Progress
from oci.copy.observer import LayerPlan, LayerState, Params


class WithinQuota:
    """Passes an engine's calls on to an attempt's progress; raises where the image is too large for its project."""

    def __init__(self, progress: Progress, task: ImportTask) -> None:
        self._observer = progress
        self._task = task

    def layers(self, layers: Sequence[LayerPlan]) -> None:
        """Hold the import's bytes against the project's quota once they are known.

        :raises OciError: ``quota_exceeded``, which ends the import before a byte has moved.
        """
        size = sum(layer.size for layer in layers)
        self._observer.admit(layers, lambda: check_task(self._task, size))

    def layer(self, digest: str, state: LayerState, bytes_done: int) -> None:
        self._observer.layer(digest, state, bytes_done)

    def connections(self, digest: str, count: int) -> None:
        self._observer.connections(digest, count)

    def waiting(self, template: str, params: Params, until: float | None) -> None:
        self._observer.waiting(template, params, until)

    def retried(self) -> None:
        self._observer.retried()
