"""From where a blob may be mounted, and by whose right (the proof that a mount needs).

Within a project: free. From another project: only a blob that the portal itself once copied from the same source
registry, and only when that source confirms it for this import's own credentials. So a crafted manifest that names
another team's layer fetches nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.models import Subquery

from imageimport.models import BlobOrigin
from oci.observer import MountCandidate
from projects.models import Project

log = structlog.get_logger(__name__)

#: More places than this to try are not worth the questions.
MOST: Final = 3
#: Before a database that failed is asked once more, seconds.
PAUSE: Final = 0.5

T = TypeVar("T")


class ProvenMounts:
    """:class:`oci.observer.MountProof` over :class:`BlobOrigin`. Thread-safe; close it.

    The engine asks from many short-lived threads; one thread of ours holds the one database connection.

    :param source_registry: normalised name of where the image comes from.
    :param project_name: of the importing project.
    :param repository: the target, ``<project>/<name>``.
    :param access: of the target client; what may be mounted from is added to it, to be read.
    """

    def __init__(
        self, *, source_registry: str, project_name: str, repository: str, access: dict[str, str]
    ) -> None:
        self._access = access
        self._source_registry = source_registry
        self._prefix = f"{project_name}/"
        self._repository = repository
        self._database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mounts")

    def candidates(self, digest: str) -> Sequence[MountCandidate]:
        found = self._database.submit(self._patiently, lambda: self._find(digest)).result() or []
        for each in found:
            self._access.setdefault(each.repository, "pull")
        return found

    def copied(self, digest: str, size: int) -> None:
        """Written before the flight of the blob ends, so that whoever waited for it finds the proof."""
        self._database.submit(self._patiently, lambda: self._save(digest, size)).result()

    def close(self) -> None:
        self._database.submit(connection.close)
        self._database.shutdown()

    def _patiently(self, ask: Callable[[], T]) -> T | None:
        """With the database away for longer than a moment a blob is only moved where it could have been mounted."""
        for last in (False, True):
            try:
                return ask()
            except (OperationalError, InterfaceError) as exc:
                log.warning("mounts.database_away", error=type(exc).__name__)
                close_old_connections()
                if not last:
                    time.sleep(PAUSE)
        return None

    def _find(self, digest: str) -> list[MountCandidate]:
        # The target repository itself is among them: another import may have brought it there a moment ago.
        rows = BlobOrigin.objects.filter(digest=digest).order_by("-id")
        # What an earlier project of the same name held is not this one's.
        since = Project.objects.filter(name=self._prefix[:-1]).values("created_at")
        own = rows.filter(repository__startswith=self._prefix, created_at__gte=Subquery(since)).values_list(
            "repository", flat=True
        )
        found = [MountCandidate(each, needs_source_check=False) for each in dict.fromkeys(own[:MOST])]
        if len(found) < MOST:
            others = rows.filter(source_registry=self._source_registry).exclude(
                repository__startswith=self._prefix
            )
            names = others.values_list("repository", flat=True)[: MOST - len(found)]
            found += [MountCandidate(each, needs_source_check=True) for each in names]
        return found

    def _save(self, digest: str, size: int) -> None:
        BlobOrigin.objects.bulk_create(
            [
                BlobOrigin(
                    digest=digest,
                    source_registry=self._source_registry,
                    repository=self._repository,
                    size=size,
                )
            ],
            update_conflicts=True,
            unique_fields=["digest", "source_registry", "repository"],
            update_fields=["created_at"],
        )
