"""The installation's numbers, read from rows when Prometheus asks: the same whichever process answers.

Gauges are small indexed queries over what has not ended; counters and histograms are sums that were kept while things
happened (:mod:`imageimport.metrics.counters`). So the cost does not grow with the imports that have ended.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from imageimport.choices import Outcome, Status, Transport
from imageimport.metrics import counters
from imageimport.models import ImportTask, MetricCount, WebhookDelivery
from oci.errors import ERROR_CODES
from projects.token_service import refusals

#: Upper bounds as Prometheus writes them, the last without one.
_LE: Final = (*(str(float(bound)) for bound in counters.BOUNDS), "+Inf")

_Totals = list[dict[str, Any]]


def registry() -> CollectorRegistry:
    """A registry with the installation's collector."""
    found = CollectorRegistry()
    found.register(RowCollector())
    return found


class RowCollector(Collector):
    """Half a dozen queries, whatever has happened before."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from current(timezone.now())
        totals: dict[str, _Totals] = defaultdict(list)
        for row in counters.totals():
            totals[row["kind"]].append(row)
        yield from _ended(totals[MetricCount.Kind.ENDED])
        yield from _begun(totals[MetricCount.Kind.BEGUN])
        yield from _attempts(totals[MetricCount.Kind.ATTEMPT])
        yield CounterMetricFamily(
            "portal_registry_refusals",
            "Requests without a sign-in that the token service refused something.",
            value=refusals.total(),
        )


# --- what is now -------------------------------------------------------------------------------------


def current(now: dt.datetime) -> Iterator[Metric]:
    """What waits and runs at this moment: without the sums of what has happened."""
    yield from _queue(now)
    yield from _running()
    yield _held_back(now)
    yield from _webhooks(now)
    yield from _sweep()


def _queue(now: dt.datetime) -> Iterator[Metric]:
    waits = Q(status=Status.PENDING)
    ready = waits & (Q(not_before=None) | Q(not_before__lte=now))
    found = ImportTask.objects.with_status((Status.REQUESTED, Status.PENDING)).aggregate(
        requested=Count("pk", filter=Q(status=Status.REQUESTED)),
        waiting=Count("pk", filter=waits),
        ready=Count("pk", filter=ready),
        oldest=Min("created_at", filter=waits),
        oldest_ready=Min(Coalesce("not_before", "created_at"), filter=ready),
    )
    yield _gauge("portal_imports_waiting", "Imports that wait to start.", found["waiting"])
    yield _gauge("portal_imports_requested", "Imports that wait for someone's approval.", found["requested"])
    yield _gauge("portal_imports_ready", "Imports that wait only for a free slot.", found["ready"])
    yield _gauge(
        "portal_imports_waiting_oldest_seconds",
        "Age of the oldest import that waits.",
        _age(found["oldest"], now),
    )
    yield _gauge(
        "portal_imports_ready_oldest_seconds",
        "How long the import that waits longest for a free slot has waited for it.",
        _age(found["oldest_ready"], now),
    )


def _running() -> Iterator[Metric]:
    busy = ImportTask.objects.occupying().aggregate(n=Count("pk"), rate=Sum("rate"))
    yield _gauge("portal_imports_running", "Imports that have a slot.", busy["n"])
    yield _gauge("portal_imports_places", "Imports that may run at once.", settings.IMPORT_MAX_RUNNING)
    yield _gauge(
        "portal_transfer_bytes_per_second", "Bytes a second of all running imports.", busy["rate"] or 0
    )


def _held_back(now: dt.datetime) -> Metric:
    waits = GaugeMetricFamily(
        "portal_imports_held_back", "Imports that wait until a stated time, by registry.", labels=["registry"]
    )
    held = ImportTask.objects.held_back(now).order_by()
    found: Counter[str] = Counter()
    for row in held.values("source_registry").annotate(n=Count("pk")):
        found[counters.registry_label(row["source_registry"])] += row["n"]
    for name, number in sorted(found.items()):
        waits.add_metric([name], number)
    return waits


def _webhooks(now: dt.datetime) -> Iterator[Metric]:
    due = WebhookDelivery.objects.filter(state=WebhookDelivery.State.PENDING)
    found = due.aggregate(n=Count("pk"), oldest=Min("created_at"))
    yield _gauge("portal_webhook_deliveries_waiting", "Pending webhook deliveries.", found["n"])
    yield _gauge(
        "portal_webhook_deliveries_oldest_seconds", "Age of the oldest of them.", _age(found["oldest"], now)
    )


def _sweep() -> Iterator[Metric]:
    """Nothing where Redis does not say: an absent number is an alert of its own."""
    swept = cache.get(counters.SWEPT)
    if swept is not None:
        age = max(0.0, time.time() - float(swept))
        yield _gauge(
            "portal_sweep_age_seconds",
            "Seconds since a worker last looked for lost imports, at beat's request.",
            age,
        )


# --- what has happened -------------------------------------------------------------------------------


def _ended(rows: _Totals) -> Iterator[Metric]:
    labels = ["status", "error_code", "transport"]
    ended = CounterMetricFamily("portal_imports_ended", "Imports that ended.", labels=labels)
    # A series that begins at one shows Prometheus no increase: every foreseeable one begins at zero.
    counts: Counter[tuple[str, ...]] = Counter(dict.fromkeys(_foreseeable_ends(), 0))
    for row in rows:
        counts[tuple(row[label] for label in labels)] += row["count_sum"]
    for values, number in sorted(counts.items()):
        ended.add_metric(values, number)
    yield ended
    took = HistogramMetricFamily(
        "portal_import_duration_seconds", "From an import's last start to its end.", labels=["status"]
    )
    for status in sorted({row["status"] for row in rows}):
        took.add_metric([status], *_histogram([row for row in rows if row["status"] == status]))
    yield took


def _begun(rows: _Totals) -> Iterator[Metric]:
    waited = HistogramMetricFamily(
        "portal_import_queue_seconds", "From an import's submission to its first start.", labels=[]
    )
    waited.add_metric([], *_histogram(rows))
    yield waited


def _attempts(rows: _Totals) -> Iterator[Metric]:
    labels = ["outcome", "error_code"]
    attempts = CounterMetricFamily("portal_import_attempts", "Attempts that ended.", labels=labels)
    waits = CounterMetricFamily(
        "portal_import_waits",
        "Attempts that ended to wait until a stated time, by registry.",
        labels=["registry"],
    )
    moved = CounterMetricFamily(
        "portal_import_bytes", "Bytes of attempts that ended, by registry.", labels=["kind", "registry"]
    )
    by_outcome: Counter[tuple[str, ...]] = Counter(dict.fromkeys(_foreseeable_attempts(), 0))
    waited: Counter[str] = Counter()
    carried: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        by_outcome[row["status"], row["error_code"]] += row["count_sum"]
        if row["status"] == Outcome.WAITING:
            waited[row["registry"]] += row["count_sum"]
        carried["moved", row["registry"]] += row["bytes_moved_sum"]
        carried["reused", row["registry"]] += row["bytes_reused_sum"]
    for values, number in sorted(by_outcome.items()):
        attempts.add_metric(values, number)
    for name, number in sorted(waited.items()):
        waits.add_metric([name], number)
    for values, number in sorted(carried.items()):
        moved.add_metric(values, number)
    lost = sum(number for values, number in by_outcome.items() if values[0] == Outcome.LOST)
    taken = CounterMetricFamily("portal_lease_takeovers", "Attempts whose worker was lost.", value=lost)
    yield from (attempts, taken, waits, moved)


def _foreseeable_ends() -> Iterator[tuple[str, ...]]:
    for transport in Transport.values if settings.IMPORT_DOCKER_ENABLED else [settings.IMPORT_TRANSPORT]:
        yield from ((Status.FAILED.value, code, transport) for code in sorted(ERROR_CODES))
        yield from ((status.value, "", transport) for status in (Status.SUCCESS, Status.CANCELED))
        yield from ((Status.CANCELED.value, code, transport) for code in ("rejected", "approval_outdated"))


def _foreseeable_attempts() -> Iterator[tuple[str, ...]]:
    yield from ((Outcome.FAILED.value, code) for code in sorted(ERROR_CODES))
    yield from (
        (outcome.value, "") for outcome in Outcome if outcome not in (Outcome.FAILED, Outcome.RUNNING)
    )


def _histogram(rows: _Totals) -> tuple[list[tuple[str, float]], float]:
    """Cumulative buckets and the sum, as the client library takes them."""
    counts: Counter[int] = Counter()
    for row in rows:
        counts[row["bucket"]] += row["count_sum"]
    running = 0
    buckets: list[tuple[str, float]] = []
    for place, bound in enumerate(_LE):
        running += counts[place]
        buckets.append((bound, running))
    return buckets, sum(row["seconds_sum"] for row in rows)


def _age(since: dt.datetime | None, now: dt.datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))
