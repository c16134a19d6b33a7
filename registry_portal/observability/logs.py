"""Log lines: structured, with request and task ids, and with secrets taken out on every handler."""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from oci.limits import LOG_LINE_CHARS, LOG_VALUE_CHARS
from oci.redaction import MASK, scrub


def scrub_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: every text value of an event goes through :func:`oci.redaction.scrub`, and is cut."""
    return {key: _clean(value) if isinstance(value, str) else value for key, value in event.items()}


#: A pasted command in an address: it may hold a password, which no shape tells once it is quoted.
_TYPED: Final = re.compile(r"([?&]image_url=)[^&\s]*")


def _clean(text: str) -> str:
    return scrub(_TYPED.sub(rf"\1{MASK}", text), LOG_VALUE_CHARS)


class ScrubbingFormatter(structlog.stdlib.ProcessorFormatter):
    """The last gate of every handler: whatever was rendered, tracebacks too, is scrubbed once more."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record), LOG_LINE_CHARS)


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def logging_config(level: str, style: str) -> dict[str, Any]:
    """``LOGGING`` for Django, and structlog set up to go through it.

    :param level: of our own loggers.
    :param style: ``json`` (one object a line) or ``console``.
    """
    rendering: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            scrub_event,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "scrubbed": {
                "()": ScrubbingFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *rendering,
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "filters": {
            "quiet_polls": {"()": "registry_portal.observability.requestlog.QuietPolls"},
            "no_traceback": {"()": "registry_portal.observability.requestlog.WithoutTraceback"},
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "scrubbed"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            **{
                name: {"level": level}
                for name in ("accounts", "projects", "imageimport", "registry_portal", "oci", "stack")
            },
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            # Every 404 of a crawler is no warning; 5xx come as errors.
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "INFO", "handlers": [], "propagate": True},
            # A scanner with a made-up Host header is no error of ours.
            "django.security.DisallowedHost": {"filters": ["no_traceback"]},
            "django_structlog": {"level": level},
            "django_structlog.middlewares.request": {"filters": ["quiet_polls"]},
            # The web server's own handler would not scrub: its tracebacks come through ours.
            "gunicorn.error": {"handlers": ["console"], "propagate": False},
            "celery": {"level": "INFO"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
        },
    }
