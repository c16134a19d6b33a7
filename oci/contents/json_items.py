"""Elements of arrays in a JSON text of any size, one at a time: an SBOM has some hundred megabytes, a package a few
hundred bytes. What is between is looked at and let go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from oci import limits
from oci.errors import gettext_noop
from oci.limits import JSON_DEPTH, MIB
from oci.spec.strict_json import BadJsonError

#: The keys that lead to an array: ``("predicate", "packages")``.
Path = tuple[str, ...]
#: Of one element, and of a text between.
ITEM_BYTES: Final = MIB

#: A whole string; one that has not ended; what gives structure. Possessive: backtracking takes time.
_TOKEN: Final = re.compile(rb'("(?:[^"\\]++|\\.)*+")|(")|([\[\]{},:])', re.DOTALL)

#: What is before a sign in an array of objects; of an object its first sign.
_BEFORE: Final = {b",": b"{", b"]": b"[{"}

_OTHERS: Final = gettext_noop("The document has another value where an object is required.")
_BROKEN: Final = gettext_noop("The document is not JSON, or not complete.")
_LARGE: Final = gettext_noop("The document exceeds a limit: a part of it is too large.")
_DEEP: Final = gettext_noop("The document exceeds a limit: its brackets are nested too deeply.")


@dataclass(slots=True)
class _Walk:
    """Where in the text one is: the keys of the objects, None for an array."""

    paths: Collection[Path]
    stack: list[str | None] = field(default_factory=list, init=False)
    #: The next string is a key.
    is_key: bool = field(default=False, init=False)
    has_begun: bool = field(default=False, init=False)
    #: How deep the element is that is being read, and where it begins; -1: none.
    depth: int = field(default=-1, init=False)
    start: int = field(default=-1, init=False)
    #: Signs and texts that were looked at.
    tokens: int = field(default=0, init=False)
    #: The sign before, outside of elements; kept only where others than objects are refused.
    last: bytes = field(default=b"", init=False)
    #: Those of ``paths`` that were there.
    met: set[Path] = field(default_factory=set)

    @property
    def path(self) -> Path | None:
        """The path of the array whose elements are here; None where no one wants them."""
        *keys, last = self.stack or [""]
        if last is not None or None in keys:
            return None
        found = tuple(key for key in keys if key is not None)
        return found if found in self.paths else None


def read_items(
    chunks: Iterable[bytes],
    paths: Collection[Path],
    met: set[Path] | None = None,
    *,
    only_objects: bool = False,
) -> Iterator[tuple[Path, Any]]:
    """The objects in the arrays at ``paths``, each with its array's path, in their order.

    :param chunks: the text, in pieces of any size.
    :param met: gets those of ``paths`` at which there is an array, be it empty.
    :param only_objects: refuse arrays at ``paths`` that hold anything else; it is passed over otherwise.
    :raises BadJsonError: it is no JSON, ends too early, is nested too deeply or has too large a part.
    """
    walk, buffer = _Walk(paths, met=set() if met is None else met), b""
    for chunk in chunks:
        buffer += chunk
        done = 0
        for match in _TOKEN.finditer(buffer):
            if match[2]:
                done = match.start()
                break
            if only_objects and walk.depth < 0:
                _refuse_others(walk, buffer[done : match.start()], match[3] or b'"')
            done = match.end()
            found = _take(walk, buffer, match)
            if found is not None:
                yield found
        keep = walk.start if walk.start >= 0 else done
        if match_rest := _rest_is_long(buffer, keep):
            raise match_rest
        # What was looked at within an element is looked at once more with the next piece: elements are small.
        buffer = _cut(walk, buffer, keep)
    if walk.stack or not walk.has_begun:
        raise BadJsonError(_BROKEN)


def _refuse_others(walk: _Walk, between: bytes, sign: bytes) -> None:
    """In an array at one of the paths there are objects with commas between them, and nothing else.

    :param between: what is before ``sign``: a number or a word.
    :param sign: one outside of the objects, or that begins one.
    """
    before = _BEFORE.get(sign, walk.last)
    if walk.path is not None and (between.strip() or sign not in b"{,]" or walk.last not in before):
        raise BadJsonError(_OTHERS)
    walk.last = sign


def _rest_is_long(buffer: bytes, keep: int) -> BadJsonError | None:
    return BadJsonError(_LARGE, too_large=True) if len(buffer) - keep > ITEM_BYTES else None


def _cut(walk: _Walk, buffer: bytes, keep: int) -> bytes:
    if walk.start >= 0:
        # Begin the element again: as before its bracket.
        del walk.stack[walk.depth :]
        walk.start = walk.depth = -1
    return buffer[keep:]


def _take(walk: _Walk, buffer: bytes, match: re.Match[bytes]) -> tuple[Path, Any] | None:
    """One step; the element that ends with it."""
    walk.tokens += 1
    begin = walk.start if walk.start >= 0 else match.start()
    if walk.tokens > limits.JSON_TOKENS or match.end() - begin > ITEM_BYTES:
        raise BadJsonError(_LARGE, too_large=True)
    if match[1]:
        if walk.is_key and walk.stack and walk.depth < 0:
            walk.stack[-1] = _key(match[1])
        walk.is_key = False
        return None
    sign = match[3]
    if sign in b"{[":
        if sign == b"{" and walk.depth < 0 and walk.path is not None:
            walk.depth, walk.start = len(walk.stack), match.start()
        walk.stack.append("" if sign == b"{" else None)
        walk.is_key, walk.has_begun = sign == b"{", True
        if sign == b"[" and walk.depth < 0 and (path := walk.path) is not None:
            walk.met.add(path)
        if len(walk.stack) > JSON_DEPTH:
            raise BadJsonError(_DEEP, too_large=True)
    elif sign in b"}]":
        if not walk.stack or (walk.stack.pop() is None) != (sign == b"]"):
            raise BadJsonError(_BROKEN)
        walk.is_key = False
        if len(walk.stack) == walk.depth:
            return _element(walk, buffer[walk.start : match.end()])
    elif sign == b",":
        walk.is_key = bool(walk.stack) and walk.stack[-1] is not None
    return None


def _element(walk: _Walk, text: bytes) -> tuple[Path, Any]:
    walk.start = walk.depth = -1
    path = walk.path
    try:
        value = json.loads(text)
    except ValueError:
        raise BadJsonError(_BROKEN) from None
    assert path is not None
    return path, value


def _key(text: bytes) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        raise BadJsonError(_BROKEN) from None
