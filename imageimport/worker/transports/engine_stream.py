"""The Docker Engine's JSON streams: every line read, errors inside them raised, cancel and stall noticed.

The SDK raises nothing for an error inside a stream (docker-py, issue 1772); the Engine goes on pulling while the
connection stands, so a cancel has to cut it.
"""

from __future__ import annotations

import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import docker
import requests
from django.utils.translation import gettext_noop
from docker.errors import DockerException

from oci.cancel import CancelToken
from oci.errors import OciError
from oci.redaction import scrub

#: How often a silent stream is interrupted to look for a cancel, seconds.
_TICK: Final = 0.25
_END: Final = object()

Events = Callable[[docker.APIClient], Iterator[Mapping[str, Any]]]


def follow(
    api: docker.APIClient, events: Events, *, cancel: CancelToken, stall_seconds: float, side: str, host: str
) -> Iterator[Mapping[str, Any]]:
    """The events of one call (``api.pull``, ``api.push`` with ``stream=True, decode=True``), one by one.

    :param side: ``source`` or ``target``: whose fault an error inside the stream is.
    :raises OciError: see :func:`failure`; ``stalled`` when no event comes for ``stall_seconds``.
    :raises Canceled:
    """
    lines: queue.Queue[Any] = queue.Queue()
    answers: list[requests.Response] = []
    api.hooks["response"] = [lambda answer, **_: answers.append(answer)]

    def read() -> None:
        try:
            for event in events(api):
                lines.put(event)
            lines.put(_END)
        except (DockerException, requests.RequestException, OSError, ValueError) as exc:
            lines.put(exc)

    reader = threading.Thread(target=read, name="engine-stream", daemon=True)
    reader.start()
    try:
        yield from _events(lines, cancel, stall_seconds, side, host)
    finally:
        if reader.is_alive():
            _cut(answers)
            reader.join(timeout=5)
        api.hooks["response"] = []


def _events(
    lines: queue.Queue[Any], cancel: CancelToken, stall_seconds: float, side: str, host: str
) -> Iterator[Mapping[str, Any]]:
    heard = time.monotonic()
    while True:
        cancel.check()
        try:
            event = lines.get(timeout=_TICK)
        except queue.Empty:
            if time.monotonic() - heard > stall_seconds:
                raise OciError(
                    "stalled",
                    gettext_noop("Docker Engine transferred nothing for %(seconds)d seconds."),
                    retryable=True,
                    seconds=int(stall_seconds),
                ) from None
            continue
        heard = time.monotonic()
        if event is _END:
            return
        if isinstance(event, Exception):
            raise engine_lost(event)
        problem = event.get("errorDetail") or event.get("error")
        if problem:
            text = problem.get("message", "") if isinstance(problem, dict) else str(problem)
            raise failure(text, side=side, host=host)
        yield event


def _cut(answers: list[requests.Response]) -> None:
    """Break the connection under the stream, so that the Engine stops what it does for us."""
    for answer in answers:
        connection = getattr(answer.raw, "connection", None)
        sock = getattr(connection, "sock", None)
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the Engine was quicker


#: What the Engine says, and what it means: (pattern, code of the source, code of the target, whether it may pass).
_MEANINGS: Final = (
    (re.compile(r"no space left on device", re.IGNORECASE), "no_space", "no_space", False),
    (re.compile(r"toomanyrequests|rate limit", re.IGNORECASE), "rate_limited", "target_error", True),
    (
        re.compile(r"unauthorized|authentication required|incorrect username", re.IGNORECASE),
        "unauthorized",
        "target_error",
        False,
    ),
    (re.compile(r"denied|forbidden", re.IGNORECASE), "forbidden", "target_error", False),
    (
        re.compile(r"not found|manifest unknown|no matching manifest", re.IGNORECASE),
        "not_found",
        "target_error",
        False,
    ),
    (re.compile(r"x509|certificate|tls:", re.IGNORECASE), "tls_error", "target_error", False),
    (
        re.compile(
            r"no such host|connection refused|i/o timeout|no route|network is unreachable", re.IGNORECASE
        ),
        "unreachable",
        "target_error",
        True,
    ),
    (
        re.compile(r"digest|filesystem layer verification", re.IGNORECASE),
        "digest_mismatch",
        "target_error",
        True,
    ),
)


def failure(text: str, *, side: str, host: str) -> OciError:
    """The error that a sentence inside a stream means."""
    reason = scrub(" ".join(text.split()))[:500]
    code, passing = ("source_error" if side == "source" else "target_error"), True
    for pattern, at_source, at_target, may_pass in _MEANINGS:
        if pattern.search(reason):
            code, passing = (at_source if side == "source" else at_target), may_pass
            break
    if code == "no_space":
        return OciError(
            "no_space", gettext_noop("The disk of Docker Engine is full: %(reason)s"), reason=reason
        )
    if side == "source":
        template = gettext_noop("Docker Engine could not pull from %(host)s: %(reason)s")
    else:
        template = gettext_noop("Docker Engine could not push to %(host)s: %(reason)s")
    return OciError(code, template, retryable=passing, host=host, reason=reason)


def engine_lost(exc: Exception) -> OciError:
    """The Engine does not answer, or stopped answering."""
    return OciError(
        "docker_unavailable",
        gettext_noop("Docker Engine is not responding: %(reason)s"),
        retryable=True,
        reason=scrub(" ".join(str(exc).split()))[:300],
    )
