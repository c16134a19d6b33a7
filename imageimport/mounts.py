"""From where a blob may be mounted, and by whose right (the proof that a mount needs).

Within a project: free. From another project: only a blob that the portal itself once copied from the same source
registry, and only when that source confirms it for this import's own credentials. So a crafted manifest that names
another team's layer fetches nothing.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.models import Q

from imageimport.models import BlobOrigin
from oci.observer import MountCandidate
from projects.models import Project

log = structlog.get_logger(__name__)

#: More places than this to try are not worth the questions.
MOST: Final = 3
#: Rows of one blob that are looked at without asking the database for the better ones.
ENOUGH: Final = 50
#: When a project that is gone was made: nothing is its own.
NEVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)
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
        self._created_at: dt.datetime | None = None
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
        """One's own first: they need no question to the source. A simple query, since it is asked for every blob."""
        rows = BlobOrigin.objects.filter(digest=digest).order_by("-id")
        newest = list(rows.values_list("repository", "source_registry", "created_at")[:ENOUGH])
        found = self._choose(newest)
        if len(newest) == ENOUGH and len(found) < MOST:
            ours = Q(repository__startswith=self._prefix) | Q(source_registry=self._source_registry)
            some = (
                rows.filter(ours).annotate(own=Q(repository__startswith=self._prefix)).order_by("-own", "-id")
            )
            found = self._choose(some.values_list("repository", "source_registry", "created_at")[:ENOUGH])
        return found

    def _choose(self, rows: Iterable[tuple[str, str, dt.datetime]]) -> list[MountCandidate]:
        # The target repository itself is among them: another import may have brought it there a moment ago.
        own: dict[str, bool] = {}
        others: dict[str, bool] = {}
        for repository, source_registry, created_at in rows:
            if repository.startswith(self._prefix):
                if created_at >= self._since():
                    own[repository] = False
            elif source_registry == self._source_registry:
                others[repository] = True
        return [MountCandidate(*each) for each in [*own.items(), *others.items()][:MOST]]

    def _since(self) -> dt.datetime:
        """What an earlier project of the same name held is not this one's."""
        if self._created_at is None:
            found = Project.objects.filter(name=self._prefix[:-1]).values_list("created_at", flat=True)
            self._created_at = found.first() or NEVER
        return self._created_at

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
