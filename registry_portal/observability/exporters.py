"""Error reports to Sentry and traces to an OpenTelemetry collector: only where configured, only then imported.

The packages are the extra ``observability`` (``requirements-observability.lock``). Nothing leaves this process that has
not been through :func:`oci.redaction.scrub`; request bodies, cookies and local variables never do.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import structlog
from celery.signals import beat_init, worker_process_init, worker_process_shutdown
from django.conf import settings

from imageimport.models import ImportAttempt
from imageimport.worker import attempt
from imageimport.worker.leases import Lease
from oci.redaction import scrub

log = structlog.get_logger(__name__)

#: Ids of the log lines, which reports carry as tags.
IDS: Final = ("request_id", "task_id", "attempt")
#: Parts of a request that are not sent even scrubbed.
_WITHHELD: Final = ("cookies", "data", "env")
_HEADERS: Final = ("host", "user-agent", "content-type", "content-length", "accept-language", "x-request-id")


def start(**_: Any) -> None:
    """Start what is configured, in the process that serves: after a fork, not before."""
    if settings.SENTRY_DSN and _installed("sentry_sdk", "SENTRY_DSN"):
        _start_sentry()
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT and _installed(
        "opentelemetry.sdk", "OTEL_EXPORTER_OTLP_ENDPOINT"
    ):
        _start_tracing()


def flush(**_: Any) -> None:
    """Send what is still held, before the process ends."""
    if settings.SENTRY_DSN and _installed("sentry_sdk"):
        import sentry_sdk

        sentry_sdk.flush(timeout=2)
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT and _installed("opentelemetry.sdk"):
        from opentelemetry import trace

        provider: Any = trace.get_tracer_provider()
        provider.force_flush(2000)


for signal in (worker_process_init, beat_init):
    signal.connect(start, dispatch_uid="observability.start")
worker_process_shutdown.connect(flush, dispatch_uid="observability.flush")


def clean(value: Any) -> Any:
    """``value`` with every text in it scrubbed, however deep."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {clean(key): clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [clean(each) for each in value]
    return value


def before_send(event: Any, _hint: Any) -> Any:
    """Sentry's last gate: without what is withheld, scrubbed, with the ids of the log."""
    request = event.get("request")
    if isinstance(request, dict):
        for name in _WITHHELD:
            request.pop(name, None)
        headers = request.get("headers") or {}
        request["headers"] = {key: value for key, value in headers.items() if key.lower() in _HEADERS}
    found = structlog.contextvars.get_contextvars()
    tags = {name: str(found[name]) for name in IDS if found.get(name)}
    event["tags"] = {**(event.get("tags") or {}), **tags}
    return clean(event)


def _installed(package: str, variable: str = "") -> bool:
    try:
        there = importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        there = False
    if not there and variable:
        log.warning(
            "observability.not_installed",
            variable=variable,
            hint="pip install --require-hashes -r requirements-observability.lock",
        )
    return there


def _start_sentry() -> None:
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=before_send,
        before_breadcrumb=lambda crumb, _hint: clean(crumb),
    )


def _start_tracing() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from registry_portal.observability.spans import ScrubbingExporter

    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before the default.
    resource = Resource({SERVICE_NAME: "registry-portal"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/") + "/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(ScrubbingExporter(OTLPSpanExporter(endpoint=endpoint))))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(excluded_urls="healthz,readyz,metrics", response_hook=_name_request)
    attempt.around_attempt.append(_attempt)


def _name_request(span: Any, _request: Any, response: Any) -> None:
    span.set_attribute("portal.request_id", response.get("X-Request-ID", ""))


@contextmanager
def _attempt(lease: Lease) -> Iterator[None]:
    """A span of its own for each attempt; the request that asked for the import is found by its id."""
    from opentelemetry import trace

    attributes: dict[str, Any] = {
        "portal.task_id": str(lease.task_id),
        "portal.attempt": lease.attempt,
        "portal.request_id": lease.request_id,
    }
    with trace.get_tracer(__name__).start_as_current_span("import attempt", attributes=attributes) as span:
        yield
        rows = ImportAttempt.objects.filter(task=lease.task_id, fence=lease.fence)
        outcome, code = rows.values_list("outcome", "error_code").first() or ("", "")
        span.set_attributes({"portal.outcome": outcome, "portal.error_code": code})
        if code:
            span.set_status(trace.Status(trace.StatusCode.ERROR, code))
