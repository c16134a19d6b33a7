"""What is seen of the ways to sources: speed and last error, for those who look after them."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any, Final

from django.utils import timezone

from imageimport.messages import english, of_error
from imageimport.models import SourceWay
from oci.errors import OciError
from oci.layout.url import BUNDLE

#: Fewer bytes say more of the delay than of the line.
ENOUGH_BYTES: Final = 1_000_000
#: What no one has used for this long says nothing anymore.
KEPT: Final = dt.timedelta(days=30)
#: Errors of what was asked for and not of the way.
_NOT_OF_THE_WAY: Final = frozenset(
    {"not_found", "unauthorized", "forbidden", "tag_exists", "tag_protected", "quota_exceeded", "target_error",
     "invalid_reference", "limit_exceeded", "unsupported_manifest", "credential_unreadable", "internal_error",
     "worker_lost", "no_space", "docker_unavailable", "refused_by_rule", "approval_outdated", "signature_missing",
     "signature_invalid"}
)  # fmt: skip


class Faults:
    """What failed on the ways of one attempt, held until its end: the engine's threads write no rows. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, OciError] = {}

    def note(self, via: str, error: OciError) -> None:
        """Something failed; the last fault of each way is told."""
        with self._lock:
            self._last[via] = error

    def write(self, registry: str, *, ended_by: OciError | None = None, via: str = "") -> None:
        """Write all as :func:`note_error` does.

        :param ended_by: the fault that ended the attempt; it was on the way ``via`` unless it is noted already.
        """
        with self._lock:
            found = list(self._last.items())
        if ended_by is not None and all(error is not ended_by for _way, error in found):
            found.append((via, ended_by))
        for way, error in found:
            note_error(registry, way, error)


def note_speed(registry: str, via: str, *, moved: int, seconds: float) -> None:
    """An import has read ``moved`` bytes in ``seconds`` from a registry by a way."""
    if moved >= ENOUGH_BYTES and registry != BUNDLE and seconds > 0:
        _note(registry, via, speed=int(moved / seconds), measured_at=timezone.now())


def note_error(registry: str, via: str, error: OciError) -> None:
    """Something failed on a way, unless it is the fault of what was asked for."""
    if error.code in _NOT_OF_THE_WAY or registry == BUNDLE:
        return
    error_parts = of_error(error)
    via = via or str(error.params.get("proxy", ""))
    _note(
        registry,
        via,
        error_code=error.code,
        error=english(error_parts),
        error_parts=error_parts,
        failed_at=timezone.now(),
    )


def _note(registry: str, via: str, **facts: Any) -> None:
    SourceWay.objects.update_or_create(
        registry=registry, via=via[:600], defaults={**facts, "seen_at": timezone.now()}
    )
