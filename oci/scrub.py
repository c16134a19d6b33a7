"""Takes secrets out of text before anyone reads it: log lines, error bodies, messages.

Two nets: secrets that this process holds right now (told by :func:`remember`), and shapes that secrets
have in HTTP (Authorization values, tokens and passwords in JSON or queries, userinfo, presigned queries).
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

MASK = "***"

#: An error is logged within moments of the block that it left.
LINGER_SECONDS = 60.0
#: Shorter secrets would blank out ordinary words.
_SHORTEST = 4

_SHAPES = (
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(
        r"""(?ix)(["']?(?:password|passwd|secret|token|access_token|refresh_token|identitytoken|authorization
        |x-amz-signature|x-amz-security-token|x-amz-credential|signature|sig|x-goog-signature)["']?\s*[=:]\s*["']?)
        (?!\*\*\*)[^\s"'&,;<>}]+"""
    ),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@"),
)
_held: Counter[str] = Counter()
#: Of blocks that ended by an error: until when each is still masked, on the monotonic clock.
_lingering: dict[str, float] = {}
_lock = threading.Lock()


def _forms(secret: str, username: str) -> set[str]:
    pair = base64.b64encode(f"{username}:{secret}".encode()).decode()
    plain = base64.b64encode(secret.encode()).decode()
    return {form for form in (secret, quote(secret, safe=""), plain, pair) if len(form) >= _SHORTEST}


@contextmanager
def remember(secret: str, username: str = "") -> Iterator[None]:
    """While the block runs, ``secret`` (and its URL-quoted, base64 and Basic forms) is masked by :func:`scrub`.

    After an error for :data:`LINGER_SECONDS` more: whoever writes the error down does so outside of the block.
    """
    forms = _forms(secret, username) if secret else set()
    with _lock:
        _held.update(forms)
    try:
        yield
    except BaseException:
        with _lock:
            _lingering.update(dict.fromkeys(forms, time.monotonic() + LINGER_SECONDS))
        raise
    finally:
        with _lock:
            _held.subtract(forms)
            for form in forms:
                if _held[form] <= 0:
                    del _held[form]


def scrub(text: str) -> str:
    """``text`` with every held secret and everything that has a secret's shape replaced by ``***``."""
    with _lock:
        now = time.monotonic()
        for form in [form for form, until in _lingering.items() if until <= now]:
            del _lingering[form]
        held = sorted({*_held, *_lingering}, key=len, reverse=True)
    for form in held:
        text = text.replace(form, MASK)
    for index, shape in enumerate(_SHAPES):
        text = shape.sub(rf"\1{MASK}@" if index == 2 else rf"\1{MASK}", text)
    return text
