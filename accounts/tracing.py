"""The id of the request that is being answered, to find what it caused in the logs of all processes."""

from __future__ import annotations

import re
from typing import Final

import structlog

#: Ids from outside (``X-Request-ID``) longer than this are cut; UUIDs and trace ids are shorter.
MAX_CHARS: Final = 64
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]")


def current_request_id() -> str:
    """What the request's log lines say as ``request_id``, in letters that can do no harm; empty outside requests."""
    found = str(structlog.contextvars.get_contextvars().get("request_id") or "")
    return _UNFIT.sub("", found)[:MAX_CHARS]
