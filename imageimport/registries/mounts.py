"""From where a blob may be mounted, and with whose rights (the proof that a mount needs).

Within a project: free. From another project: only a blob that the portal itself once copied from the same source
registry, and only when that source confirms it for this import's own credentials. So a crafted manifest that names
another team's layer fetches nothing.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.models import Q

from imageimport.models import BlobOrigin
from oci.copy.observer import MountCandidate
from projects.models import Project

log = structlog.get_logger(__name__)

#: More places than this to try are not worth the questions.
MAX_PLACES: Final = 3
#: Rows of one blob that are looked at without asking the database for the better ones.
MAX_ROWS: Final = 50
#: When a project that is gone was made: nothing is its own.
NEVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)
#: Digests that are looked up at once.
MAX_DIGESTS: Final = 500
#: What was looked up ahead is believed for this long, seconds; that another import brought a blob is
#: remembered for longer (see single_flight).
AHEAD_SECONDS: Final = 300.0
#: What was copied is gathered for this long, to be written together, seconds.
GATHER_SECONDS: Final = 0.05
#: Before a database that failed is asked once more, seconds.
RETRY_SECONDS: Final = 0.5

#: Connections to this database are kept for the next import.
KEPT_OF: Final = "sqlite"

T = TypeVar("T")
#: Repository, source registry and time of a row.
Place = tuple[str, str, dt.datetime]


#: Threads that wait for the next import, each with its connection: SQLite reads the whole schema for a new one, which
#: takes longer than all that one import asks.
_waiting: Final[list[ThreadPoolExecutor]] = []
#: Threads don't live on in a forked process.
os.register_at_fork(after_in_child=_waiting.clear)


def _take_thread() -> ThreadPoolExecutor:
    try:
        return _waiting.pop()
    except IndexError:
        return ThreadPoolExecutor(max_workers=1, thread_name_prefix="mounts")


def _keep_thread(thread: ThreadPoolExecutor) -> None:
    """Once it has done all that it was given. A server's sessions are counted, and are not kept for later."""
    if connection.vendor == KEPT_OF and not _waiting:
        wait([thread.submit(close_old_connections)])
        _waiting.append(thread)
    else:
        thread.submit(_close_session)
        thread.shutdown()


def _close_session() -> None:
    """That of the thread in which this runs. ``connection.close`` handed over would be the method of the caller's."""
    connection.close()


class ProvenMounts:
    """:class:`oci.copy.observer.MountProof` over :class:`BlobOrigin`. Thread-safe; close it.

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
        self._database = _take_thread()
        self._ahead: dict[str, list[MountCandidate]] = {}
        self._ahead_until = 0.0
        self._lock = threading.Lock()
        self._copied: list[tuple[str, int, Callable[[], None]]] = []
        #: The database is needed now: nothing more is gathered.
        self._hurry = threading.Event()

    def look_ahead(self, digests: Sequence[str]) -> None:
        self._ahead = self._ask(lambda: self._find_all(digests)) or {}
        self._ahead_until = time.monotonic() + AHEAD_SECONDS

    def candidates(self, digest: str, *, refresh: bool = True) -> Sequence[MountCandidate]:
        found = None
        if not refresh and time.monotonic() < self._ahead_until:
            found = self._ahead.get(digest)
        if found is None:
            found = self._ahead[digest] = self._ask(lambda: self._find(digest)) or []
        for each in found:
            self._access.setdefault(each.repository, "pull")
        return found

    def refused(self, digest: str, repository: str) -> None:
        self._database.submit(self._forget, digest, repository)

    def copied(self, digest: str, size: int, on_saved: Callable[[], None]) -> None:
        with self._lock:
            self._copied.append((digest, size, on_saved))
            if len(self._copied) > 1:
                return  # Taken along by the write that the first of them asked for.
        self._database.submit(self._save_copied)

    def close(self) -> None:
        """Wait until all is written. May be called once."""
        self._hurry.set()
        _keep_thread(self._database)

    def _ask(self, ask: Callable[[], T]) -> T | None:
        self._hurry.set()
        return self._database.submit(self._answer, ask).result()

    def _answer(self, ask: Callable[[], T]) -> T | None:
        self._hurry.clear()
        return self._patiently(ask)

    def _patiently(self, ask: Callable[[], T]) -> T | None:
        """With the database away for longer than a moment a blob is only moved where it could have been mounted."""
        for last in (False, True):
            try:
                return ask()
            except (OperationalError, InterfaceError) as exc:
                log.warning("mounts.database_away", error=type(exc).__name__)
                close_old_connections()
                if not last:
                    time.sleep(RETRY_SECONDS)
        return None

    def _find_all(self, digests: Sequence[str]) -> dict[str, list[MountCandidate]]:
        """The candidates of each digest, if the rows of all of them together are few; else none: each is asked for by
        itself.
        """
        if len(digests) > MAX_DIGESTS:
            return {}
        rows = BlobOrigin.objects.filter(digest__in=digests).order_by()
        found = list(
            rows.values_list("pk", "digest", "repository", "source_registry", "created_at")[:MAX_ROWS]
        )
        if len(found) == MAX_ROWS:
            return {}
        places: dict[str, list[Place]] = {digest: [] for digest in digests}
        for _, digest, repository, source_registry, created_at in sorted(found, key=lambda row: -row[0]):
            places[digest].append((repository, source_registry, created_at))
        return {digest: self._choose(each) for digest, each in places.items()}

    def _find(self, digest: str) -> list[MountCandidate]:
        """One's own first: they need no question to the source. A simple query, since it is asked for every blob."""
        rows = BlobOrigin.objects.filter(digest=digest).order_by("-id")
        newest = list(rows.values_list("repository", "source_registry", "created_at")[:MAX_ROWS])
        found = self._choose(newest)
        if len(newest) == MAX_ROWS and len(found) < MAX_PLACES:
            ours = Q(repository__startswith=self._prefix) | Q(source_registry=self._source_registry)
            some = (
                rows.filter(ours).annotate(own=Q(repository__startswith=self._prefix)).order_by("-own", "-id")
            )
            found = self._choose(some.values_list("repository", "source_registry", "created_at")[:MAX_ROWS])
        return found

    def _choose(self, rows: Iterable[Place]) -> list[MountCandidate]:
        # The target repository itself is among them: another import may have brought it there a moment ago.
        own: dict[str, bool] = {}
        others: dict[str, bool] = {}
        for repository, source_registry, created_at in rows:
            if repository.startswith(self._prefix):
                if created_at >= self._since():
                    own[repository] = False
            elif source_registry == self._source_registry:
                others[repository] = True
        return [MountCandidate(*each) for each in [*own.items(), *others.items()][:MAX_PLACES]]

    def _since(self) -> dt.datetime:
        """What an earlier project of the same name held is not this one's."""
        if self._created_at is None:
            found = Project.objects.filter(name=self._prefix[:-1]).values_list("created_at", flat=True)
            self._created_at = found.first() or NEVER
        return self._created_at

    def _forget(self, digest: str, repository: str) -> None:
        """What is said there from now on is another's word: what is forgotten by mistake only costs bytes."""
        rows = BlobOrigin.objects.filter(digest=digest, repository=repository)
        try:
            self._patiently(rows.delete)
        except Exception:
            log.exception("mounts.not_forgotten")

    def _save_copied(self) -> None:
        """What came together is written together, before the flights of the blobs end: anyone who waited for one finds
        the proof.
        """
        self._hurry.wait(GATHER_SECONDS)
        with self._lock:
            copied, self._copied = self._copied, []
        self._hurry.clear()
        try:
            self._patiently(lambda: self._save({digest: size for digest, size, _ in copied}))
        except Exception:
            # A proof that is missing costs bytes, and no import waits for this thread.
            log.exception("mounts.not_saved")
        finally:
            for *_, on_saved in copied:
                on_saved()

    def _save(self, sizes: dict[str, int]) -> None:
        BlobOrigin.objects.bulk_create(
            [
                BlobOrigin(
                    digest=digest,
                    source_registry=self._source_registry,
                    repository=self._repository,
                    size=size,
                )
                for digest, size in sizes.items()
            ],
            update_conflicts=True,
            unique_fields=["digest", "source_registry", "repository"],
            update_fields=["created_at"],
        )
