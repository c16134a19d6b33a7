"""``manage.py collectgarbage``: collects the registry's garbage where this process sees its files."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from accounts.exceptions import ApplicationError
from projects.models import Collection
from projects.retention import collection

log = structlog.get_logger(__name__)

#: Pause between two looks at what is asked for, seconds.
EVERY = 5.0


class Command(BaseCommand):
    """Once, or for good: the process that sees the files carries out what pages, the API and the clock ask for."""

    help = "Collect the registry's garbage now or, with --watch, whenever a collection is requested."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--watch", action="store_true", help="keep running, and carry out requested collections"
        )

    def handle(self, *_: Any, watch: bool, **__: Any) -> None:
        if collection.storage_here() is None and not watch:
            raise CommandError("This process does not see the registry's files: set REGISTRY_STORAGE.")
        if watch:
            self._watch()
            return
        try:
            asked = collection.request(user=None)
        except ApplicationError as exc:
            raise CommandError(str(exc)) from None
        self._follow(asked)

    def _watch(self) -> None:
        while True:
            close_old_connections()
            try:
                collection.tick()
            except (OperationalError, InterfaceError) as exc:  # the database is away
                log.warning("collection.database_away", error=str(exc))
            time.sleep(EVERY)

    def _follow(self, asked: Collection) -> None:
        while asked.state in Collection.OPEN:
            collection.tick()
            time.sleep(1.0)
            asked.refresh_from_db()
        if asked.state == Collection.State.FAILED:
            raise CommandError(asked.error["template"])
        self.stdout.write(
            f"Freed {asked.freed_bytes} bytes: {asked.manifests} manifests, {asked.blobs} blobs."
        )
