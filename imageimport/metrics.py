"""The installation's numbers, read from the rows when Prometheus asks: true whichever process answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Min, Sum
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from imageimport.choices import OCCUPYING, TERMINAL, Outcome, Status
from imageimport.models import ImportAttempt, ImportTask, WebhookDelivery

#: What has ended counts for this long in the windowed gauges, seconds.
WINDOW = 3600


def registry() -> CollectorRegistry:
    """A registry with the installation's collector."""
    found = CollectorRegistry()
    found.register(RowCollector())
    return found


class RowCollector(Collector):
    """Each family is one small, indexed query."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        since = now - dt.timedelta(seconds=WINDOW)
        yield from self._queue(now)
        yield from self._running()
        yield from self._ended(since)
        yield from self._waits(now)
        yield from self._attempts(since)
        yield from self._webhooks()

    def _queue(self, now: dt.datetime) -> Iterator[Metric]:
        waiting = ImportTask.objects.filter(status=Status.PENDING).aggregate(n=Count("pk"), oldest=Min("created_at"))
        yield _gauge("portal_imports_waiting", "Imports that wait to start.", waiting["n"])
        age = (now - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0.0
        yield _gauge("portal_imports_waiting_oldest_seconds", "Age of the import that waits longest.", age)

    def _running(self) -> Iterator[Metric]:
        busy = ImportTask.objects.filter(status__in=OCCUPYING).aggregate(n=Count("pk"), rate=Sum("rate"))
        yield _gauge("portal_imports_running", "Imports that hold a place.", busy["n"])
        yield _gauge("portal_transfer_bytes_per_second", "Bytes a second of all running imports.", busy["rate"] or 0)

    def _ended(self, since: dt.datetime) -> Iterator[Metric]:
        ended = GaugeMetricFamily(
            "portal_imports_ended_last_hour", "Imports that ended in the last hour.", labels=["status", "error_code"]
        )
        moved = GaugeMetricFamily("portal_import_bytes_last_hour", "Bytes of imports that ended.", labels=["kind"])
        took = GaugeMetricFamily("portal_import_seconds_last_hour", "Mean duration of imports.", labels=["status"])
        recent = ImportTask.objects.filter(status__in=TERMINAL, completed_at__gte=since).order_by()
        for row in recent.values("status", "error_code").annotate(n=Count("pk")):
            ended.add_metric([row["status"], row["error_code"]], row["n"])
        length = ExpressionWrapper(F("completed_at") - F("started_at"), output_field=DurationField())
        for row in recent.exclude(started_at=None).values("status").annotate(mean=Avg(length)):
            took.add_metric([row["status"]], row["mean"].total_seconds())
        sums = recent.aggregate(done=Sum("bytes_done"), reused=Sum("bytes_reused"))
        done, reused = sums["done"] or 0, sums["reused"] or 0
        moved.add_metric(["moved"], max(0, done - reused))
        moved.add_metric(["reused"], reused)
        yield from (ended, moved, took)

    def _waits(self, now: dt.datetime) -> Iterator[Metric]:
        waits = GaugeMetricFamily(
            "portal_imports_held_back", "Imports that wait for a stated time, by registry.", labels=["registry"]
        )
        held = ImportTask.objects.filter(status=Status.PENDING, not_before__gt=now).order_by()
        for row in held.values("source_registry").annotate(n=Count("pk")):
            waits.add_metric([row["source_registry"]], row["n"])
        yield waits

    def _attempts(self, since: dt.datetime) -> Iterator[Metric]:
        lost = ImportAttempt.objects.filter(outcome=Outcome.LOST, ended_at__gte=since).count()
        yield _gauge("portal_lease_takeovers_last_hour", "Attempts whose worker was lost in the last hour.", lost)

    def _webhooks(self) -> Iterator[Metric]:
        waiting = WebhookDelivery.objects.filter(state=WebhookDelivery.State.PENDING).count()
        yield _gauge("portal_webhook_deliveries_waiting", "Webhook deliveries on their way.", waiting)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))
