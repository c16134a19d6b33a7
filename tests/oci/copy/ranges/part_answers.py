"""Answers to requests for parts of a layer: slow ones, lies, and other answers than the range that was asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import Act

Proceed = Callable[[], Reply]
SIZE = 10_000_384
IMAGE = random_image([SIZE], seed=61)
LAYER = IMAGE.blobs[1]
OTHER = random_image([SIZE], seed=62).blobs[1]
BLOB = f"/blobs/{LAYER.digest}"


def span(request: Request) -> tuple[int, int] | None:
    """First and last byte of a request for a part; None for the whole or its rest."""
    first, _, last = request.headers.get("range", "").removeprefix("bytes=").partition("-")
    return (int(first), int(last)) if last and (first, last) != ("0", "0") else None


def slow(request: Request, proceed: Proceed) -> Reply:
    """One connection that reads the whole is slow, so that it is waited for on a busy machine, too: more of them help
    only then. Parts come at once."""
    reply = proceed()
    return (
        reply if span(request) or request.method == "HEAD" else replace(reply, drip=40_000, drip_seconds=0.02)
    )


def parts(act: Act, *, after: int = 0) -> Act:
    """``act`` answers requests for parts, the first ``after`` of them not; the first one for the whole is slow."""
    left, first = after, iter([slow])
    lock = threading.Lock()

    def answer(request: Request, proceed: Proceed) -> Reply:
        nonlocal left
        if span(request) is None:
            return slow(request, proceed) if next(first, None) else proceed()
        with lock:
            left -= 1
            good = left >= 0
        return proceed() if good else act(request, proceed)

    return answer


def said(request: Request, start: int, end: int, body: bytes, total: int = SIZE, **more: int | None) -> Reply:
    headers = [("Content-Range", f"bytes {start}-{end}/{total}")]
    return Reply(206, headers, body, **more)  # type: ignore[arg-type]


def flipped(request: Request, proceed: Proceed) -> Reply:
    reply = proceed()
    body = bytearray(reply.body)
    body[len(body) // 2] ^= 1
    return replace(reply, body=bytes(body))


def bounds(request: Request) -> tuple[int, int]:
    """First and last byte of a part, or of the rest of the layer."""
    first, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
    return int(first), int(last or SIZE - 1)


def of_another(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    return said(request, start, end, OTHER.data[start : end + 1])


def too_long(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    return said(request, start, end, LAYER.data[start : end + 1] + b"more")


def too_long_unsaid(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    return said(request, start, end, LAYER.data[start : end + 1] + b"more", length=None)


def too_short(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    return said(request, start, end, LAYER.data[start:end])


def too_short_unsaid(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    return said(request, start, end, LAYER.data[start:end], length=None)


def overlapping(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    return said(request, start - 1000, end, LAYER.data[start - 1000 : end + 1])


def mislabelled(request: Request, _proceed: Proceed) -> Reply:
    """Bytes of elsewhere under the range that was asked for."""
    start, end = bounds(request)
    return said(request, start, end, LAYER.data[start - 1000 : end - 999])


def of_another_total(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    return said(request, start, end, LAYER.data[start : end + 1], total=SIZE + 1)


def without_content_range(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    return Reply(206, [], LAYER.data[start : end + 1])


def whole(_request: Request, _proceed: Proceed) -> Reply:
    return Reply(body=LAYER.data)


def unsatisfiable(_request: Request, _proceed: Proceed) -> Reply:
    return Reply(416, [("Content-Range", f"bytes */{SIZE}")])


def renamed(request: Request, _proceed: Proceed) -> Reply:
    start, end = bounds(request)
    reply = said(request, start, end, LAYER.data[start : end + 1])
    return replace(reply, headers=[*reply.headers, ("ETag", f'"{start}"')])


LIES = [flipped, of_another, mislabelled]
OTHER_ANSWERS = [
    too_long,
    too_long_unsaid,
    too_short,
    too_short_unsaid,
    overlapping,
    of_another_total,
    without_content_range,
    whole,
    unsatisfiable,
    renamed,
]
