"""Celery's entry points. Each only calls the service of its name; arguments are ids at most, never secrets."""

from __future__ import annotations

import os
import socket
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_init, worker_shutting_down
from django.utils import timezone

from imageimport.bundles import uploads
from imageimport.registries import archives
from imageimport.requests import looking
from imageimport.requests import services as requests
from imageimport.schedules import services as schedules
from imageimport.webhooks import digest, subscriptions
from imageimport.webhooks import services as webhooks
from imageimport.worker import attempt, housekeeping, leases, shutdown
from projects.contents import indexing
from projects.registry import reconcile, tag_notices
from projects.retention import cleanup, collection, trash, usage
from projects.scanning import running as scanning
from projects.scanning import services as scanners


@worker_init.connect
def _begin(**_: Any) -> None:
    shutdown.reset()


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    shutdown.stop()


@shared_task
def run_imports() -> int:
    """A hint came: run what may start until nothing does. Returns how many attempts were made."""
    count = 0
    worker = f"{socket.gethostname()}:{os.getpid()}"
    try:
        while not shutdown.requested():
            lease = leases.claim(worker=worker)
            if lease is None:
                break
            archives.let_go(unless=lease.task)
            attempt.run(lease)
            count += 1
    finally:
        archives.let_go()
    return count


@shared_task
def sweep() -> None:
    housekeeping.sweep()


@shared_task
def deliver_webhooks() -> None:
    digest.owe_due(timezone.now())
    webhooks.deliver_due()
    # Last: a slow mail server keeps no webhook waiting.
    subscriptions.send_due()


@shared_task
def start_schedules() -> None:
    schedules.run_due()


@shared_task
def look_at_requests() -> None:
    requests.expire_due()
    looking.look_due()


@shared_task
def read_files(image_id: str, platform: str, reader: int | None = None) -> None:
    """Someone wants to see an image's files."""
    indexing.index_image(UUID(image_id), platform, reader=reader, stop=shutdown.requested)


@shared_task
def scan_images() -> None:
    scanning.run_due(stop=shutdown.requested)


@shared_task
def look_at_tags() -> None:
    tag_notices.look_due(stop=shutdown.requested)


@shared_task
def reconcile_images() -> None:
    reconcile.reconcile()


@shared_task
def clean_up() -> None:
    trash.sweep(timezone.now())
    cleanup.run_due()


@shared_task
def collect_garbage() -> None:
    collection.tick()


@shared_task
def prune() -> None:
    housekeeping.prune()
    usage.note_day(timezone.now())
    uploads.expire()
    indexing.forget_unused()
    scanners.forget_unused()
