"""Takes secrets out of text before anyone reads it: log lines, error bodies, messages.

Two nets: secrets that this process holds right now (told by :func:`remember`), and shapes that secrets
have in HTTP (Authorization values, tokens and passwords in JSON or queries, userinfo, presigned queries).
"""

from __future__ import annotations

import base64
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

MASK = "***"

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
_lock = threading.Lock()


def _forms(secret: str, username: str) -> set[str]:
    pair = base64.b64encode(f"{username}:{secret}".encode()).decode()
    plain = base64.b64encode(secret.encode()).decode()
    return {form for form in (secret, quote(secret, safe=""), plain, pair) if len(form) >= _SHORTEST}


@contextmanager
def remember(secret: str, username: str = "") -> Iterator[None]:
    """While the block runs, ``secret`` (and its URL-quoted, base64 and Basic forms) is masked by :func:`scrub`."""
    forms = _forms(secret, username) if secret else set()
    with _lock:
        _held.update(forms)
    try:
        yield
    finally:
        with _lock:
            _held.subtract(forms)
            for form in forms:
                if _held[form] <= 0:
                    del _held[form]


def scrub(text: str) -> str:
    """``text`` with every held secret and everything that has a secret's shape replaced by ``***``."""
    with _lock:
        held = sorted(_held, key=len, reverse=True)
    for form in held:
        text = text.replace(form, MASK)
    for index, shape in enumerate(_SHAPES):
        text = shape.sub(rf"\1{MASK}@" if index == 2 else rf"\1{MASK}", text)
    return text
