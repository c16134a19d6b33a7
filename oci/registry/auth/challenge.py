"""Reads ``WWW-Authenticate``: several challenges in one header or in several, with all of RFC 9110's
liberties.

A scanner, not a regular expression: values may hold commas, ``=`` and escapes, and a hostile header must cost
linear time. What makes no sense is skipped up to the next comma; nothing here raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TOKEN68: Final = frozenset("-._~+/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SPACE: Final = frozenset(" \t")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to sign in that a server offers.

    :param scheme: in lower case: ``bearer``, ``basic``, …
    :param params: parameters by lower-case name; the first of a repeated name counts.
    """

    scheme: str
    params: dict[str, str] = field(default_factory=dict)


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """All challenges of all ``WWW-Authenticate`` values, in the order they came."""
    found: list[Challenge] = []
    for value in values:
        found.extend(_Scanner(value).challenges())
    return found


class _Scanner:
    """Walks once over one header value."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def challenges(self) -> list[Challenge]:
        found: list[Challenge] = []
        while self._skip(_SPACE | {","}):
            word = self._take(_TOKEN)
            if not word:
                self._skip_junk()
                continue
            had_space = self._peek() in _SPACE
            self._skip(_SPACE)
            if self._peek() == "=" and found:
                self._param(found[-1], word)
            elif had_space or self._peek() in ("", ","):
                found.append(Challenge(word.lower()))
                self._skip_token68()
            else:
                self._skip_junk()
        return found

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _skip(self, chars: frozenset[str]) -> bool:
        """Pass over ``chars``; whether anything is left."""
        while self.at < len(self.text) and self.text[self.at] in chars:
            self.at += 1
        return self.at < len(self.text)

    def _take(self, chars: frozenset[str]) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in chars:
            self.at += 1
        return self.text[start : self.at]

    def _skip_junk(self) -> None:
        end = self.text.find(",", self.at)
        self.at = len(self.text) if end < 0 else end

    def _param(self, challenge: Challenge, name: str) -> None:
        self.at += 1  # the "="
        self._skip(_SPACE)
        value = self._quoted() if self._peek() == '"' else self._bare()
        challenge.params.setdefault(name.lower(), value)

    def _bare(self) -> str:
        """An unquoted value; more than RFC tokens, because realms are seen unquoted in the field."""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ', \t"':
            self.at += 1
        return self.text[start : self.at]

    def _quoted(self) -> str:
        self.at += 1
        pieces: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == '"':
                break
            if char == "\\" and self.at < len(self.text):
                char = self.text[self.at]
                self.at += 1
            pieces.append(char)
        return "".join(pieces)

    def _skip_token68(self) -> None:
        """Pass over the blob that some schemes carry instead of parameters; no step ahead when those follow."""
        start = self.at
        body = self._take(_TOKEN68)
        padding = self._take(frozenset("="))
        after = self.at
        self._skip(_SPACE)
        if not (body and self._peek() in ("", ",") and (padding or self.at == after)):
            self.at = start
