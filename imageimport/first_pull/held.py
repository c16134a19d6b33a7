"""Requests that wait for something without a thread: a view says when it wants to be asked again.

A response with the header :data:`ASK_AGAIN` is an answer for now. The site's web server
(:mod:`registry_portal.web.webworker`) does not send it: it keeps the client waiting and asks the view once more, after
so many seconds. Where too many wait, it sends the answer without the header; any other server sends both as they are,
and clients don't know the header.
"""

from __future__ import annotations

import time
from typing import Final

from django.http import HttpRequest

#: Seconds until the next question, as a decimal number.
ASK_AGAIN: Final = "X-Ask-Again"
#: In the environment (``META``) of a request that is asked for again: when its first question began, monotonic seconds.
HELD_SINCE: Final = "portal.held_since"


def held_for(request: HttpRequest) -> float:
    """How long this request has waited, its first question included, seconds; 0 when it is asked for the first time."""
    now = time.monotonic()
    return now - float(request.META.get(HELD_SINCE, now))
