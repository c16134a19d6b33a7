"""Whether the private registry can be reached, as pages want to know: quickly, and rarely asked."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import caches

from oci.errors import OciError
from projects.registry.client import target_door

#: One look costs at most this long, seconds; its answer holds for this long.
TIMEOUT: Final = 0.5
REMEMBERED_SECONDS: Final = 10.0


def registry_answers() -> bool:
    """Whether a connection to the registry opens. Each process remembers the answer for
    :data:`REMEMBERED_SECONDS`.
    """
    url, known = settings.REGISTRY_URL, caches["local"]
    # The others take the old answer while this one looks.
    if not known.add(f"registry:looked:{url}", 1, TIMEOUT * 2):
        return bool(known.get(f"registry:answers:{url}", True))
    answer = _knock(url)
    known.set(f"registry:answers:{url}", answer, None)
    known.set(f"registry:looked:{url}", 1, REMEMBERED_SECONDS)
    return answer


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
