"""What is believed for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class ExpiringSet(Generic[T]):
    """Members leave ``seconds`` after they were last added. Thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._until: dict[T, float] = {}

    def __contains__(self, member: T) -> bool:
        return self._until.get(member, 0.0) > time.monotonic()

    def add(self, member: T) -> None:
        now = time.monotonic()
        with self._lock:
            self._until = {each: until for each, until in self._until.items() if until > now}
            self._until[member] = now + self._seconds

    def clear(self) -> None:
        with self._lock:
            self._until = {}
