"""Spans on their way to a collector. Imported only where tracing is configured."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.util.types import Attributes

from oci.redaction import scrub


class ScrubbingExporter(SpanExporter):
    """Hands on copies whose every text is scrubbed: addresses with queries, texts of exceptions."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_copy(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _copy(span: ReadableSpan) -> ReadableSpan:
    described = span.status.description
    return ReadableSpan(
        name=scrub(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_clean(span.attributes),
        events=[Event(scrub(event.name), _clean(event.attributes), event.timestamp) for event in span.events],
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code, scrub(described) if described else None),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _clean(attributes: Attributes) -> Attributes:
    return {
        key: scrub(value) if isinstance(value, str) else value for key, value in (attributes or {}).items()
    }
