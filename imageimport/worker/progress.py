"""From the engine's callbacks to the row: percent, bytes, rate, ETA, layers; throttled, and under the lease's fence.

The engine's threads only change numbers in memory; one monitor thread writes them (:mod:`imageimport.worker.monitor`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from imageimport.choices import STAGE_PROGRESS, Stage
from imageimport.messages import english, parts
from imageimport.models import ImportLayer
from imageimport.registries.ways import Faults
from imageimport.worker.leases import Lease
from oci.copy.observer import LayerPlan, LayerState
from oci.registry.uploads import KeptUpload
from projects.locking import LeaseLost

STAGE_MESSAGES: Final[Mapping[Stage, str]] = {
    Stage.START: gettext_noop("Starting the import"),
    Stage.LOGIN: gettext_noop("Signing in to the source registry"),
    Stage.PULL: gettext_noop("Pulling the image"),
    Stage.TAG: gettext_noop("Retagging the image"),
    Stage.PUSH: gettext_noop("Pushing to the private registry"),
    Stage.CLEANUP: gettext_noop("Cleaning up"),
    Stage.DONE: gettext_noop("Done"),
}

#: A stage entered so soon after the last write is left to the monitor, which writes as often: of a small image all
#: would be written in one blink. Seconds.
_JUST_WRITTEN: Final = 0.5
#: Weight of the newest second in the smoothed rate.
_SMOOTHING: Final = 0.3
_READS_SOURCE: Final = frozenset({Stage.START, Stage.LOGIN, Stage.PULL})
_HERE: Final = frozenset({LayerState.EXISTS, LayerState.MOUNTED, LayerState.DONE})


@dataclass(slots=True)
class _Layer:
    position: int
    plan: LayerPlan
    bytes_done: int = 0
    state: str = LayerState.WAITING
    connections: int = 0
    stored: tuple[int, str, int] | None = None

    @property
    def now(self) -> tuple[int, str, int]:
        """What its row is to say."""
        return self.bytes_done, self.state, self.connections


class Progress:
    """What one attempt has done so far. Thread-safe."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._lock = threading.RLock()
        self._write_lock = threading.Lock()
        self._layers: dict[str, _Layer] = {}
        self._stage = Stage.START
        #: Of an earlier attempt, where it was further.
        self._percent = max(lease.task.progress, STAGE_PROGRESS[Stage.START])
        self._message: dict[str, Any] = parts(STAGE_MESSAGES[Stage.START])
        self._waits_until: float | None = None
        #: By which proxy or mirror the content comes.
        self.via = ""
        self.faults = Faults()
        #: What was found of the image's signatures, as the row keeps it.
        self.signature: dict[str, Any] | None = lease.task.signature
        #: Left half-way at the target by the end of the hours, by the blob's digest.
        self.kept_uploads: Mapping[str, KeptUpload] = {}
        self._pulling_since = self._pulled_at = time.monotonic()
        self._dirty = False
        #: The claim has written the row.
        self._written_at = time.monotonic()
        self._moved = 0
        self._rate = 0.0
        self._rated_at = time.monotonic()
        self._rated_moved = 0
        #: When a byte last moved, or anything else showed life; monotonic seconds.
        self.alive_at = time.monotonic()

    # --- what the pipeline and the engine tell ---------------------------------------------------

    def enter(self, stage: Stage) -> None:
        """Begin a stage, and write it unless the row was written just now.

        :raises LeaseLost:
        """
        with self._lock:
            now = time.monotonic()
            if stage == Stage.PULL:
                self._pulling_since = now
            elif self._stage == Stage.PULL:
                self._pulled_at = now
            self._stage = stage
            self._percent = max(self._percent, STAGE_PROGRESS[stage])
            self._say(STAGE_MESSAGES[stage], {})
        if time.monotonic() - self._written_at >= _JUST_WRITTEN:
            self.write()

    def admit(self, planned: Sequence[Any], check: Callable[[], None]) -> None:
        """Take the blobs in as :meth:`layers` does, unless ``check`` raises.

        The row says how many bytes they are in the transaction of the check: the next check counts them.

        :param check: locks what it reads.
        :raises LeaseLost: besides what ``check`` raises.
        """
        sizes = {plan.digest: plan.size for plan in planned}
        with self._write_lock:  # Else the monitor could write what it still knows, which is nothing.
            with transaction.atomic():
                check()
                if not self._lease.rows().update(bytes_total=sum(sizes.values())):
                    raise LeaseLost
            self.layers(planned)

    def layers(self, planned: Sequence[Any]) -> None:
        """The blobs of the image are known: objects with ``digest``, ``size`` (bytes), ``media_type`` and
        ``platform``.
        """
        with self._lock:
            for plan in planned:
                if plan.digest not in self._layers:
                    self._layers[plan.digest] = _Layer(len(self._layers), plan)
            self._touch()

    def layer(self, digest: str, state: str, bytes_done: int) -> None:
        """A blob is in ``state`` with ``bytes_done`` of its bytes at the target."""
        with self._lock:
            layer = self._layers.get(digest)
            if layer is None:
                return
            moved = bytes_done - layer.bytes_done
            if moved > 0 and state in (LayerState.COPYING, LayerState.DONE):
                self._moved += moved
            layer.bytes_done, layer.state = bytes_done, state
            if self._waits_until is not None:
                self._say(STAGE_MESSAGES[self._stage], {})
            self._touch()

    def waiting(self, template: str, params: Mapping[str, Any], until: float | None) -> None:
        """The engine waits for something outside until ``until`` (Unix seconds); None: it goes on."""
        with self._lock:
            if template:
                self._say(template, params)
                self._waits_until = until or time.time()
            else:
                self._say(STAGE_MESSAGES[self._stage], {})
            self._touch()

    def connections(self, digest: str, count: int) -> None:
        """A blob comes over so many connections."""
        with self._lock:
            if digest in self._layers:
                self._layers[digest].connections = count
                self._dirty = True

    def proved(self, signature: dict[str, Any]) -> None:
        """What the image's signatures say."""
        with self._lock:
            self.signature = signature
            self._touch()

    def retried(self) -> None:
        """Something is tried again: the engine lives, though no byte moves."""
        self.alive()

    def alive(self) -> None:
        """Something moved that no layer shows (a manifest, an answer)."""
        self.alive_at = time.monotonic()

    def advance(self, share: float) -> None:
        """``share`` (0 to 1) of the present stage is done, for stages that move no layers."""
        with self._lock:
            self._percent = max(self._percent, self._within(share))
            self._touch()

    # --- what is read from it --------------------------------------------------------------------

    @property
    def idle_seconds(self) -> float:
        """How long nothing has moved; a wait that was told counts from its stated end."""
        with self._lock:
            waits = max(0.0, (self._waits_until or 0.0) - time.time())
        return 0.0 if waits else time.monotonic() - self.alive_at

    @property
    def moved(self) -> int | None:
        """Bytes moved so far, while bytes of the source are what the attempt waits for; else None."""
        return self._moved if self._stage in _READS_SOURCE else None

    @property
    def read_from_source(self) -> tuple[int, float]:
        """Bytes that came from the source, and how long that took, seconds."""
        return self._moved, self._pulled_at - self._pulling_since

    def totals(self) -> dict[str, int]:
        """Bytes: in all, at the target, and of these not read from the source."""
        layers = list(self._layers.values())
        reused = sum(x.plan.size for x in layers if x.state in (LayerState.EXISTS, LayerState.MOUNTED))
        return {
            "bytes_total": sum(x.plan.size for x in layers),
            "bytes_done": sum(
                x.plan.size if x.state in _HERE else min(x.bytes_done, x.plan.size) for x in layers
            ),
            "bytes_reused": reused,
        }

    # --- writing ---------------------------------------------------------------------------------

    def write_if_changed(self) -> None:
        """Write what has changed since the last time.

        :raises LeaseLost:
        """
        if self._dirty:
            self.write()

    def write(self) -> None:
        """Put the numbers into the rows, in one short transaction.

        :raises LeaseLost: the row is no longer ours; nothing was written.
        """
        with self._write_lock:
            with self._lock:
                columns, changed = self._snapshot()
            with transaction.atomic():
                if not self._lease.rows().update(**columns):
                    raise LeaseLost
                self._store(changed)
            for layer, state in changed:
                layer.stored = state
            self._written_at = time.monotonic()

    def write_layers(self) -> None:
        """Put the layers into their rows, in the transaction of the code that has just written the task's: see
        :meth:`totals`.
        """
        with self._write_lock:
            with self._lock:
                changed = self._changed()
            self._store(changed)

    def _snapshot(self) -> tuple[dict[str, Any], list[tuple[_Layer, tuple[int, str, int]]]]:
        totals = self.totals()
        total, done = totals["bytes_total"], totals["bytes_done"]
        if self._stage == Stage.PULL and total:
            self._percent = max(self._percent, self._within(done / total))
        self._measure()
        left = max(0, total - done)
        columns: dict[str, Any] = {
            **totals,
            "stage": self._stage,
            "progress": min(99, self._percent),
            "message": english(self._message),
            "message_parts": self._message,
            "via": self.via[:600],
            "signature": self.signature,
            "rate": int(self._rate),
            "eta_seconds": int(left / self._rate) if self._rate >= 1 and self._stage == Stage.PULL else None,
            "updated_at": timezone.now(),
        }
        self._dirty = False
        return columns, self._changed()

    def _changed(self) -> list[tuple[_Layer, tuple[int, str, int]]]:
        """Layers whose rows say something else, and what they are to say."""
        return [(layer, layer.now) for layer in self._layers.values() if layer.stored != layer.now]

    def _store(self, changed: list[tuple[_Layer, tuple[int, str, int]]]) -> None:
        if not changed:
            return
        ImportLayer.objects.bulk_create(
            [
                ImportLayer(
                    task_id=self._lease.task_id,
                    position=layer.position,
                    digest=layer.plan.digest,
                    media_type=layer.plan.media_type[:255],
                    platform=layer.plan.platform[:255],
                    size=layer.plan.size,
                    bytes_done=bytes_done,
                    state=state,
                    connections=connections,
                )
                for layer, (bytes_done, state, connections) in changed
            ],
            update_conflicts=True,
            unique_fields=["task", "digest"],
            update_fields=[
                "position",
                "size",
                "bytes_done",
                "state",
                "media_type",
                "platform",
                "connections",
            ],
        )

    def _measure(self) -> None:
        now = time.monotonic()
        passed = now - self._rated_at
        if passed < 0.4:
            return
        newest = (self._moved - self._rated_moved) / passed
        weight = 1 - (1 - _SMOOTHING) ** passed if self._rate else 1.0
        self._rate += weight * (newest - self._rate)
        self._rated_at, self._rated_moved = now, self._moved

    def _within(self, share: float) -> int:
        """Percent for a share of the present stage."""
        begin = STAGE_PROGRESS[self._stage]
        following = [value for value in STAGE_PROGRESS.values() if value > begin]
        end = following[0] if following else begin
        return begin + int(max(0.0, min(1.0, share)) * (end - begin))

    def _say(self, template: str, params: Mapping[str, Any]) -> None:
        self._message = parts(template, dict(params))
        self._waits_until = None
        self._dirty = True

    def _touch(self) -> None:
        self.alive_at = time.monotonic()
        self._dirty = True
