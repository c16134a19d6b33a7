"""Whether this process lives, whether it can serve, and its numbers for Prometheus."""

from __future__ import annotations

import hmac
import ipaddress
import threading
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from accounts.redis import pools
from imageimport.metrics.collector import registry as metrics_registry
from oci.errors import OciError
from oci.http.transport import Timeouts
from oci.registry.options import ClientOptions
from oci.registry.retry import RetryPolicy
from projects.registry import client as own_registry

#: Each question waits at most this long, seconds.
PATIENCE: Final = 2.0
_PROXIES_SAY: Final = (
    "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP",
)  # fmt: skip


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks no one, so that a database that is away restarts no web process."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready when the database answers and has every migration. Redis and the registry are told, but pages and
    submissions work without them, so their absence takes no web process out of service."""
    found = services()
    return JsonResponse(found, status=200 if found["database"] == "ok" else 503)


def services() -> dict[str, str]:
    """``database``, ``redis`` and ``registry``, each ``ok`` or what is wrong with it."""
    return {"database": _database(), "redis": _ask_redis(), "registry": _ask_registry()}


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for loopback or with ``Authorization: Bearer <METRICS_TOKEN>``."""
    if not (_has_token(request) or _is_local(request)):
        return HttpResponseForbidden(
            "Metrics are for loopback or with the metrics token.\n", content_type="text/plain"
        )
    return HttpResponse(generate_latest(metrics_registry()), content_type=CONTENT_TYPE_LATEST)


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        return "migrations missing" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"
    except DatabaseError as exc:
        return f"away ({type(exc).__name__})"


class _One:
    """One question at a time, no matter who asks: a silent service holds one thread, and the others are told what
    was known before."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._known = "not known yet"

    def __call__(self) -> str:
        if self._lock.acquire(blocking=False):
            try:
                self._known = self._ask()
            finally:
                self._lock.release()
        return self._known


def _redis() -> str:
    options: dict[str, Any] = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
    try:
        with pools.client(settings.REDIS_URL, **options) as client:
            client.ping()
    except (redis.RedisError, OSError) as exc:
        return f"away ({type(exc).__name__})"
    return "ok"


def _registry() -> str:
    try:
        options = ClientOptions(retries=RetryPolicy(tries=1), timeouts=Timeouts(headers_seconds=PATIENCE))
        with own_registry.opened(options=options) as client:
            client.ping()
    except OciError as exc:
        return f"away ({exc.code})"
    return "ok"


_ask_redis = _One(_redis)
_ask_registry = _One(_registry)


def _has_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(
        given.encode(), settings.METRICS_TOKEN.encode()
    )


def _is_local(request: HttpRequest) -> bool:
    """The peer is this machine, asks for this machine, and no proxy speaks for someone else: one that does not say so
    hands on the name that people use."""
    if any(name in request.headers for name in _PROXIES_SAY):
        return False
    name = urlsplit(f"//{request.get_host()}").hostname or ""
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and (name == "localhost" or _is_loopback(name))


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
