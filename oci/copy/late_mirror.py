"""Whether a mirror serves a tag late: it answered for the registry, which is asked beside the copy what it has itself.

No copy waits long for that, and none fails by it: the registry may be out of reach, which is what mirrors are for.
"""

from __future__ import annotations

import time
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Final

from oci.copy.worker_pool import WorkerPool
from oci.errors import Canceled, Note, OciError, gettext_noop
from oci.expiring import ExpiringSet
from oci.registry.repository import Repository
from oci.registry.source import Source
from oci.spec.digest import is_digest

LATE: Final = gettext_noop(
    "%(mirror)s, which served this image, may be behind: on %(host)s the tag %(tag)s is now %(digest)s. Import by "
    "digest to get that one."
)
#: From the question on, while the copy goes on. Seconds.
PATIENCE: Final = 2.0
#: Registries that did not answer are not asked again for this long, seconds.
AWAY: Final = ExpiringSet[str](600.0)


@dataclass(slots=True)
class LateMirror:
    """For one image. Call :meth:`ask` once the tag is resolved, :meth:`note` near the end, :meth:`close` always."""

    source: Source
    reference: str
    workers: WorkerPool
    _registry: Repository | None = None
    _asked: Future[str | None] | None = None
    _until: float = 0.0

    def ask(self) -> None:
        """Begin to ask, where a mirror answered for a tag."""
        registry = None if is_digest(self.reference) else self.source.behind()
        if registry is None or registry.host in AWAY:
            return
        self._registry = registry
        self._until = time.monotonic() + PATIENCE
        self._asked = self.workers.begin(self._digest, registry)

    def note(self, digest: str) -> Note | None:
        """What people should know, where the registry has another digest; None also where it has not answered."""
        if self._registry is None or self._asked is None:
            return None
        try:
            found = self._asked.result(max(0.0, self._until - time.monotonic()))
        except (TimeoutError, OciError):
            AWAY.add(self._registry.host)
            return None
        except (Canceled, CancelledError):
            return None
        finally:
            self.close()
        if found is None or found == digest:
            return None
        params = {
            "mirror": self.source.via,
            "host": self._registry.host,
            "tag": self.reference,
            "digest": found,
        }
        return LATE, params

    def close(self) -> None:
        """End the question, if it is still under way."""
        if self._registry is not None:
            self._registry.client.cancel.cancel()
            self._registry.close()

    def _digest(self, registry: Repository) -> str | None:
        """By HEAD, which registries do not count as a pull."""
        head = registry.head_manifest(self.reference)
        return head.digest if head is not None else None
