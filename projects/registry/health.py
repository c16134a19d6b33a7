"""Whether the private registry can be reached, as pages want to know: quickly, and seldom asked."""

from __future__ import annotations

import threading
import time
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from oci.errors import OciError
from projects.registry.client import target_door

#: One look costs at most this long, seconds; its answer holds for so long.
TIMEOUT: Final = 0.5
HOLDS: Final = 10.0

_lock = threading.Lock()
_seen: dict[str, tuple[float, bool]] = {}


def registry_answers() -> bool:
    """Whether a connection to the registry opens. Each process remembers the answer for :data:`HOLDS` seconds."""
    url = settings.REGISTRY_URL
    with _lock:
        until, answer = _seen.get(url, (0.0, True))
        if until > time.monotonic():
            return answer
        # The others take the old answer while this one looks.
        _seen[url] = (time.monotonic() + TIMEOUT * 2, answer)
    answer = _knock(url)
    with _lock:
        _seen[url] = (time.monotonic() + HOLDS, answer)
    return answer


def forget() -> None:
    """Look anew next time; for tests."""
    with _lock:
        _seen.clear()


def _knock(url: str) -> bool:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    try:
        target_door().connect(
            parts.hostname or "", parts.port or (443 if tls else 80), tls=tls, timeout=TIMEOUT
        ).close()
    except OciError:
        return False
    return True
