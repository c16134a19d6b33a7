"""Takes secrets out of text before anyone reads it: log lines, error bodies, messages.

Two nets: secrets that this process holds right now (told by :func:`remember`), and shapes that secrets
have in HTTP (Authorization values, tokens and passwords in JSON or queries, userinfo, presigned queries).

A held secret is masked in the texts of its own context only (:func:`scope`): someone's password may be a word
that stands in everybody's lines. A text of no context is masked by all that is held.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote

from oci.limits import SCRUBBED_CHARS

MASK = "***"

#: An error is logged within moments of the block that it left.
LINGER_SECONDS = 60.0
#: Shorter secrets would blank out ordinary words.
_SHORTEST = 4

# Each shape is gone over in one pass, whatever the text: tests/security/test_regular_expressions.py.
_SCHEMES: Final = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}")
_KEYED: Final = re.compile(
    r"""(?ix)(?P<key>password|passwd|secret|token|authorization|x-amz-credential|signature|sig)
    (?P<quote>\\?["'])?\s*(?P<sign>[=:])(?P<gap>\s*)(?P<open>\\?["'])?
    (?!\*\*\*)(?P<value>[^\s"'&,;<>}]+)"""
)
#: ``user:password@``; what stands before the ``@`` of a digest is the name of an image.
_USERINFO: Final = re.compile(r"(://)[^\s/@]+@(?!sha(?:256|512):)")
#: Tokens that are known by how they begin: of GitHub, GitLab, Docker Hub, this portal, and JSON Web Tokens.
_TOKENS: Final = re.compile(
    r"(?:gh[pousr]_|github_pat_|glpat-|dckr_pat_|rpt_)[A-Za-z0-9_-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
)
#: What may follow the colon of an image's name: a tag, perhaps a digest, and the sentence's own signs after it.
_TAG: Final = re.compile(
    r"\w[\w.-]{0,127}(?:@sha(?:256|512):[0-9a-f]*)?(?:[:.!?)\]]*|[。，、；：！？）」》”’…].*)", re.ASCII
)
_NAME_CHARS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@"
#: Never the whole name of an image.
_PLAIN: Final = frozenset({"password", "passwd", "authorization", "x-amz-credential"})
#: So far before a key it is looked whether it is the end of an image's name, characters.
_LOOK_BACK: Final = 64


class _Held:
    """Secrets in all their forms, while they are used and for a moment after an error. Thread-safe."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        #: Of blocks that ended by an error: until when each is still masked, on the monotonic clock.
        self._lingering: dict[str, float] = {}
        self._lock = threading.Lock()

    def hold(self, forms: set[str]) -> None:
        with self._lock:
            self._counts.update(forms)

    def let_go(self, forms: set[str], *, failed: bool) -> None:
        with self._lock:
            if failed:
                self._lingering.update(dict.fromkeys(forms, time.monotonic() + LINGER_SECONDS))
            self._counts.subtract(forms)
            for form in forms:
                if self._counts[form] <= 0:
                    del self._counts[form]

    def forms(self) -> list[str]:
        """The longest first."""
        with self._lock:
            now = time.monotonic()
            for form in [form for form, until in self._lingering.items() if until <= now]:
                del self._lingering[form]
            return sorted({*self._counts, *self._lingering}, key=len, reverse=True)


_everywhere: Final = _Held()


class _Kept:
    """The operator's secrets: masked in all texts, for as long as they are configured. The longest first."""

    forms: tuple[str, ...] = ()


_kept: Final = _Kept()
_here: Final[ContextVar[_Held | None]] = ContextVar("oci.redaction", default=None)


def _forms(secret: str, username: str) -> set[str]:
    pair = base64.b64encode(f"{username}:{secret}".encode()).decode()
    plain = base64.b64encode(secret.encode()).decode()
    return {form for form in (secret, quote(secret, safe=""), plain, pair) if len(form) >= _SHORTEST}


def keep(secrets: Iterable[tuple[str, str]]) -> None:
    """From now on mask these in every text, and those of the last call no more. For what the operator configured.

    :param secrets: each with the user name that it belongs to, or an empty one.
    """
    forms = {form for secret, username in secrets if secret for form in _forms(secret, username)}
    _kept.forms = tuple(sorted(forms, key=len, reverse=True))


@contextmanager
def scope() -> Iterator[None]:
    """While the block runs, its texts are masked by the secrets of this block only, and threads that get its context
    belong to it. For what one person asked for: a delivery, an attempt at an import.
    """
    token = _here.set(_Held())
    try:
        yield
    finally:
        _here.reset(token)


def begin_scope(**_: object) -> None:
    """From now on this context is a :func:`scope` of its own, until the next one begins. For web requests, whose thread
    serves one after the other; takes any arguments, so that a signal can call it.
    """
    _here.set(_Held())


@contextmanager
def remember(secret: str, username: str = "") -> Iterator[None]:
    """While the block runs, ``secret`` (and its URL-quoted, base64 and Basic forms) is masked by :func:`scrub`.

    After an error for :data:`LINGER_SECONDS` more: anyone who writes the error down does so outside of the block.
    """
    forms = _forms(secret, username) if secret else set()
    mine = _here.get()
    holders = (_everywhere,) if mine is None else (_everywhere, mine)
    for held in holders:
        held.hold(forms)
    failed = True
    try:
        yield
        failed = False
    finally:
        for held in holders:
            held.let_go(forms, failed=failed)


def scrub(text: str, most: int = SCRUBBED_CHARS) -> str:
    """``text`` with every held secret and everything that has a secret's shape replaced by ``***``.

    :param most: characters that are kept; the rest is cut off, after the held secrets were masked, so that none is cut
        in two.
    """
    for form in (_here.get() or _everywhere).forms():
        text = text.replace(form, MASK)
    for form in _kept.forms:
        text = text.replace(form, MASK)
    if len(text) > most:
        text = text[:most]
    text = _SCHEMES.sub(rf"\1{MASK}", text)
    text = _KEYED.sub(_keyed, text)
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    return _TOKENS.sub(MASK, text)


def _keyed(match: re.Match[str]) -> str:
    """The mask in the place of the value, unless key and colon are the end of an image's name and its tag."""
    if match["sign"] == ":" and not match["quote"] and not match["open"] and _is_image(match):
        return match[0]
    return match[0][: match.start("value") - match.start()] + MASK


def _is_image(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - _LOOK_BACK) : match.start()]
    name = before[len(before.rstrip(_NAME_CHARS)) :]
    if match["gap"]:
        # "team/secret: it is not there": a sentence about an image, and no header or field of that name.
        return any(sign in name for sign in "/:@")
    return (bool(name) or match["key"].lower() not in _PLAIN) and _TAG.fullmatch(match["value"]) is not None
