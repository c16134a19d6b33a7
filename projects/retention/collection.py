"""Collections of the registry's garbage: asked for, waited for, carried out where the registry's files are.

A row is the truth. While one is open, no one may write (:mod:`projects.token_service.writers`). Each tick moves it on:
once no one can be writing, the process that sees the files takes a lease and collects. A collector that is killed is
followed by another; where none comes, the row fails, so that writers are not held back indefinitely.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError
from oci.copy.referrers import is_attachment_tag
from projects import audit, cron, keeping
from projects.locking import LeaseLost, Leases
from projects.models import Collection, Image, Project, TrashedTag
from projects.retention import sweeping
from projects.retention.marking import Keeping, NotSeen
from projects.retention.storage import Storage
from projects.token_service import writers
from projects.token_service.scopes import split_repository

log = structlog.get_logger(__name__)

#: A collector says that it is alive this often, and is taken for dead after the second, seconds.
ALIVE_EVERY: Final = 5.0
LEASES: Final = Leases("lease_expires_at", 60)
#: What the portal itself began to write before it was held back has ended after this long, seconds.
SETTLE_SECONDS: Final = 3
#: Then it is given up, minutes: to wait for writers, and for a collector in place of a dead one.
MAX_WAIT_MINUTES: Final = 30
MAX_DEAD_MINUTES: Final = 10
#: A manifest that no tag names is not judged on its first day, whatever the project's days in the trash are.
MIN_DAYS: Final = 1

_NEVER_QUIET: Final = gettext_noop(
    "The collection did not begin: something kept writing to the registry, or no collector is running. "
    "Check the collector, then try again."
)
_DIED: Final = gettext_noop("The collector stopped, and no other one took over. Start the collection again.")
_BROKE: Final = gettext_noop("The collection failed. The log of the collector says why.")
_NOT_SEEN: Final = gettext_noop(
    "The collector does not find an image that the portal lists, so nothing was deleted. Its log says which one."
)

#: Digests of blobs that no manifest names yet, and of a project pairs of repository and digest that stay for now.
blob_keepers: Final[list[Callable[[], Iterable[str]]]] = []
digest_keepers: Final[list[Callable[[Project, dt.datetime], Iterable[tuple[str, str]]]]] = []


def is_available() -> bool:
    """Whether this installation can collect: it issues the registry's tokens, and someone sees its files."""
    return bool(settings.REGISTRY_STORAGE) and settings.REGISTRY_AUTH == "token"


def request(*, user: User | None) -> Collection:
    """Ask for a collection. Writers are held back from here on.

    :raises ApplicationError: ``collection_unavailable``; ``collection_running`` (with ``collection``).
    """
    if not is_available():
        raise ApplicationError(
            "collection_unavailable",
            gettext_noop(
                "The portal can't collect the garbage of this registry. See the operation guide for how to do it."
            ),
        )
    try:
        with transaction.atomic():
            made = Collection.objects.create(requested_by=user)
            audit.record_event(action="collection.requested", project=None)
    except IntegrityError:
        running = Collection.objects.filter(state__in=Collection.OPEN).first()
        raise ApplicationError(
            "collection_running",
            gettext_noop("The registry's garbage is already being collected."),
            facts={"collection": str(running.pk) if running else None},
        ) from None
    return made


def tick(now: dt.datetime | None = None) -> bool:
    """Move on what is open, or begin what the clock says. Returns whether this process collected."""
    now = now or timezone.now()
    found = Collection.objects.filter(state__in=Collection.OPEN).first()
    storage = storage_here()
    if found is None:
        if storage is not None and storage.leaves_aside():
            _put_back(storage)
        _begin_by_clock(now)
        return False
    if _give_up(found, now):
        return False
    if storage is None or not _take(found, now):
        return False
    _carry_out(found, storage)
    return True


def storage_here() -> Storage | None:
    """The registry's files, where this process sees them."""
    if not is_available():
        return None
    storage = Storage(Path(settings.REGISTRY_STORAGE))
    return storage if storage.is_here else None


def _begin_by_clock(now: dt.datetime) -> None:
    line = settings.REGISTRY_COLLECT_CRON
    if not line or not is_available():
        return
    last = Collection.objects.values_list("asked_at", flat=True).first()
    # Where there never was one, the clock begins to run an hour ago.
    if cron.next_run(line, settings.TIME_ZONE, last or now - dt.timedelta(hours=1)) <= now:
        try:
            with acting_as(None):
                request(user=None)
        except ApplicationError as exc:
            if exc.code != "collection_running":  # another process was first
                raise


def _put_back(storage: Storage) -> None:
    """What a collection that failed left aside. The next one does it too, so this makes room for it."""

    def none_is_open() -> None:
        if writers.held():
            raise LeaseLost

    with suppress(LeaseLost):
        storage.put_all_back(none_is_open)


def _give_up(found: Collection, now: dt.datetime) -> bool:
    too_long = now - dt.timedelta(minutes=MAX_WAIT_MINUTES)
    dead = now - dt.timedelta(minutes=MAX_DEAD_MINUTES)
    if found.state == Collection.State.WAITING and found.asked_at < too_long:
        return _end(found, Collection.State.FAILED, error=_NEVER_QUIET)
    if found.state == Collection.State.RUNNING and (found.lease_expires_at or found.asked_at) < dead:
        return _end(found, Collection.State.FAILED, error=_DIED)
    return False


def _take(found: Collection, now: dt.datetime) -> bool:
    """Begin it, or go on in a dead collector's place; of several only one does."""
    if found.state == Collection.State.WAITING:
        if now - found.asked_at < dt.timedelta(seconds=SETTLE_SECONDS) or writers.written_until(now):
            return False
        waiting = Collection.objects.filter(pk=found.pk, state=Collection.State.WAITING)
        taken = LEASES.take(waiting, now, state=Collection.State.RUNNING, started_at=now)
    else:
        taken = LEASES.take(_unchanged(found).filter(LEASES.is_free(now)), now)
    found.state, found.lease_expires_at = Collection.State.RUNNING, LEASES.until(now)
    return taken


def _unchanged(found: Collection) -> QuerySet[Collection]:
    """The row, as long as no one else moved it on: each lease ends at a time of its own, so that says whose it is."""
    return Collection.objects.filter(pk=found.pk, state=found.state, lease_expires_at=found.lease_expires_at)


def _carry_out(found: Collection, storage: Storage) -> None:
    log.info("collection.begins", collection=str(found.pk))
    try:
        swept = sweeping.collect(storage, lambda: what_stays(timezone.now()), _Alive(found))
    except LeaseLost:
        log.warning("collection.lease_lost", collection=str(found.pk))
        return
    except NotSeen as exc:
        log.warning("collection.not_seen", collection=str(found.pk), image=str(exc))
        _end(found, Collection.State.FAILED, error=_NOT_SEEN)
        return
    except Exception:
        log.exception("collection.failed", collection=str(found.pk))
        _end(found, Collection.State.FAILED, error=_BROKE)
        return
    facts: dict[str, Any] = {"freed_bytes": swept.bytes, "manifests": swept.manifests, "blobs": swept.blobs}
    _end(found, Collection.State.DONE, **facts)
    log.info("collection.done", collection=str(found.pk), **facts)


class _Alive:
    """Renews the lease now and then. Raises :class:`LeaseLost`."""

    def __init__(self, found: Collection) -> None:
        self._found = found
        self._next = 0.0

    def __call__(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + ALIVE_EVERY
        now = timezone.now()
        LEASES.renew(_unchanged(self._found), now)
        self._found.lease_expires_at = LEASES.until(now)


def _end(found: Collection, state: Collection.State, *, error: str = "", **facts: Any) -> bool:
    with transaction.atomic():
        error_parts = {"template": error} if error else {}
        ended = LEASES.give_back(
            _unchanged(found), state=state, ended_at=timezone.now(), error=error_parts, **facts
        )
        if ended:
            with acting_as(None):
                audit.record_event(
                    action="collection.ended", project=None, detail={"state": state.value, **facts}
                )
    return ended


def what_stays(now: dt.datetime) -> Keeping:
    """What the portal knows that the registry's files do not say."""
    projects = {project.name: project for project in Project.objects.all()}
    held = {name: _held(project, now) for name, project in projects.items()}
    let_go: dict[str, dict[str, float]] = {}
    gone = TrashedTag.objects.exclude(gone_at=None).order_by("gone_at")
    for name, repository, digest, at in gone.values_list(
        "project__name", "repository", "digest", "gone_at"
    ).iterator():
        # What was given up before is young no longer.
        if name in projects and at is not None and at >= now - _young(projects[name]):
            let_go.setdefault(f"{name}/{repository}", {})[digest] = at.timestamp()

    def held_in(repository: str) -> Iterator[str]:
        project, inside = split_repository(repository) or ("", "")
        for where in ("", inside):
            yield from held.get(project, {}).get(where, ())

    def young_since(repository: str) -> float:
        project = projects.get((split_repository(repository) or ("", ""))[0])
        if project is None:
            return float("inf")  # whose project was deleted
        return (now - _young(project)).timestamp()

    return Keeping(
        held=held_in,
        young_since=young_since,
        let_go=lambda repository: let_go.get(repository, {}),
        blobs=[digest for keeper in blob_keepers for digest in keeper()]
        + [digest for each in held.values() for found in each.values() for digest in found],
        listed=_listed(),
    )


def _young(project: Project) -> dt.timedelta:
    return dt.timedelta(days=max(MIN_DAYS, project.trash_days))


def _listed() -> Iterator[tuple[str, str]]:
    rows = Image.objects.order_by().values_list("project__name", "repository", "tag", "digest")
    for name, repository, tag, digest in rows.iterator():
        # A signature that was imported by its tag has a row that stays when it goes with its image.
        if not is_attachment_tag(tag):
            yield f"{name}/{repository}", digest


def _held(project: Project, now: dt.datetime) -> dict[str, set[str]]:
    """Digests by repository; under the empty name those that are held wherever the project has them."""
    found: dict[str, set[str]] = {}
    for hold in keeping.holds(project):
        found.setdefault(hold.repository, set()).add(hold.digest)
    for keeper in digest_keepers:
        for repository, digest in keeper(project, now):
            found.setdefault(repository, set()).add(digest)
    return found
