"""Celery's entry points. Each only calls the service of its name; arguments are ids at most, never secrets."""

from __future__ import annotations

import os
import socket
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_shutting_down

from imageimport.schedules import services as schedules
from imageimport.webhooks import services as webhooks
from imageimport.worker import attempt, housekeeping, leases, pruning, shutdown
from projects.registry import reconcile, tag_notices


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
    while not shutdown.asked():
        lease = leases.claim(worker=worker)
        if lease is None:
            break
        attempt.run(lease)
        count += 1
    return count


@shared_task
def sweep() -> None:
    housekeeping.sweep()


@shared_task
def deliver_webhooks() -> None:
    webhooks.deliver_due()


@shared_task
def start_schedules() -> None:
    schedules.run_due()


@shared_task
def look_at_tags() -> None:
    tag_notices.look_due(stop=shutdown.asked)


@shared_task
def reconcile_images() -> None:
    reconcile.reconcile()


@shared_task
def prune() -> None:
    pruning.prune()
