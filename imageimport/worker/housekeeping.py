"""What beat does every few seconds: make good whatever a dead worker or a lost message left."""

from __future__ import annotations

import time

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from imageimport.choices import OCCUPYING
from imageimport.metrics import counters
from imageimport.models import ImportTask
from imageimport.worker import dispatch
from imageimport.worker.leases import take_over_lost
from imageimport.worker.places import eligible

log = structlog.get_logger(__name__)


def sweep() -> None:
    """Take over what lost its heartbeat, then hint for what waits and may start."""
    lost = take_over_lost()
    counters.fold()
    cache.set(counters.SWEPT, time.time(), None)
    free = settings.IMPORT_MAX_RUNNING - ImportTask.objects.filter(status__in=OCCUPYING).count()
    if free <= 0:
        return
    waiting = eligible(timezone.now()).order_by().values("pk")[:free].count()
    if waiting:
        log.info("sweep.hinted", waiting=waiting, taken_over=lost)
        dispatch.send(waiting)
