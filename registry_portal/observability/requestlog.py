"""One log line a request, with its id, caller and time; the id goes back as ``X-Request-ID``."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import structlog
from django.core.signals import request_started
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django_structlog import signals

from accounts.caller import client_address
from accounts.tracing import current_request_id
from imageimport.first_pull.held import ASK_AGAIN
from oci.redaction import begin_scope

#: Asked for every few seconds by pages and monitoring; said at INFO they would be most of the log.
QUIET_ENDS: Final = ("/live/", "/healthz", "/readyz", "/metrics")
#: Asked by the registry's front before it serves a tag.
QUIET_BEGINNING: Final = "/service/first-pull/fresh/"
_HEADER: Final = "X-Request-ID"


class QuietPolls(logging.Filter):
    """Lets no line pass that says that a poll or a probe went well, or that a request waits."""

    def filter(self, record: logging.LogRecord) -> bool:
        event: Any = record.msg
        if not isinstance(event, dict) or event.get("event") != "request_finished":
            return True
        if event.get("held"):
            return False
        path = str(event.get("request", "")).partition(" ")[2].partition("?")[0]
        if path.startswith(QUIET_BEGINNING):
            return int(event.get("code", 0)) >= 500
        return int(event.get("code", 0)) >= 400 or not path.endswith(QUIET_ENDS)


class WithoutTraceback(logging.Filter):
    """For what any stranger can cause: the sentence says it all."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


# What a request has typed as a password is masked in the lines of this request, and in no one else's.
request_started.connect(begin_scope, dispatch_uid="requestlog.begin_scope")


@receiver(signals.bind_extra_request_metadata)
def begin(request: HttpRequest, **_: Any) -> None:
    """The id in letters that can do no harm, the address as the number of trusted proxies says, the time."""
    structlog.contextvars.bind_contextvars(request_id=current_request_id(), ip=client_address(request))
    request.began = time.monotonic()  # type: ignore[attr-defined]


@receiver(signals.bind_extra_request_finished_metadata)
def finish(request: HttpRequest, response: HttpResponse, log_kwargs: dict[str, Any], **_: Any) -> None:
    """Into the line: how long it took. Into the answer: the id."""
    log_kwargs["ms"] = round((time.monotonic() - getattr(request, "began", time.monotonic())) * 1000, 1)
    if ASK_AGAIN in response:
        log_kwargs["held"] = True
    response[_HEADER] = current_request_id()


@receiver(signals.update_failure_response)
def fail(response: HttpResponse, **_: Any) -> None:
    """Who sees that something went wrong can name the line that says what."""
    response[_HEADER] = current_request_id()
