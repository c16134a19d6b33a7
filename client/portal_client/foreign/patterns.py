"""Regular expressions for tags as globs and names, exactly or not at all; and intervals as cron lines."""

from __future__ import annotations

import re
from itertools import product
from typing import Final

#: More names than this are not a list.
_MAX_PATTERNS: Final = 64
_LITERAL: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_CLASSES: Final = {"d": "[0-9]", "w": "[A-Za-z0-9_]"}
_CLASS: Final = re.compile(r"\[(\^?)([A-Za-z0-9_.-]+)\]")
_TIMES: Final = re.compile(r"\{([1-8])\}")
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_DAY_MINUTES: Final = 24 * 60


class Inexact(ValueError):
    """No globs say the same."""


def is_pattern(rule: str) -> bool:
    """A rule that is no tag's name."""
    return rule.startswith("semver:") or bool(set(rule) & set("*?[]"))


def globs_of(regex: str, *, anchored: bool, to_leave_out: bool = False) -> list[str]:
    """Names and globs that match what the expression matches.

    :param anchored: the tool asks for the whole tag, whatever the expression says.
    :param to_leave_out: a dot is any character, as it says. Among tags to take, ``3.9`` means the name.
    :raises Inexact: there are none, as for ``\\d+``.
    """
    text = regex
    if anchored:
        before = after = ""
        text = text.removeprefix("^").removesuffix("$")
    else:
        before = "" if text.startswith("^") else "*"
        after = "" if text.endswith("$") else "*"
        text = text.removeprefix("^").removesuffix("$")
        if "|" in text and not (text.startswith("(") and text.endswith(")")):
            raise Inexact(regex)  # the marks of beginning and end belong to one alternative each
    if not to_leave_out and not before and not after and set(text) <= _LITERAL | {"."}:
        return [text]
    reader = _Reader(text)
    found = reader.alternatives()
    if reader.position < len(text):
        raise Inexact(regex)
    return [re.sub(r"\*+", "*", f"{before}{each}{after}") for each in found]


class _Reader:
    """Reads an expression from left to right into the globs that say the same."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def alternatives(self) -> list[str]:
        found = self._branch()
        while self._next("|"):
            found += self._branch()
        if len(found) > _MAX_PATTERNS:
            raise Inexact(self.text)
        return found

    def _branch(self) -> list[str]:
        found = [""]
        while self.position < len(self.text) and self.text[self.position] not in "|)":
            found = ["".join(pair) for pair in product(found, self._piece())]
            if len(found) > _MAX_PATTERNS:
                raise Inexact(self.text)
        return found

    def _piece(self) -> list[str]:
        atoms = self._atom()
        if self._next("?"):
            return ["", *atoms]
        if times := _TIMES.match(self.text, self.position):
            self.position = times.end()
            return ["".join(each) for each in product(atoms, repeat=int(times[1]))]
        for sign, glob in (("*", "*"), ("+", "?*")):
            if self._next(sign):
                if atoms == ["?"]:
                    return [glob]
                raise Inexact(self.text)  # any number of one letter: globs can't count
        return atoms

    def _atom(self) -> list[str]:
        if found := _CLASS.match(self.text, self.position):
            self.position = found.end()
            return [f"[{'!' if found[1] else ''}{found[2]}]"]
        if self._next("("):
            if self._next("?") and not self._next(":"):
                raise Inexact(self.text)
            found_inside = self.alternatives()
            if not self._next(")"):
                raise Inexact(self.text)
            return found_inside
        sign = self.text[self.position]
        self.position += 1
        if sign == ".":
            return ["?"]
        if sign == "\\" and self.position < len(self.text):
            escaped = self.text[self.position]
            self.position += 1
            if escaped in _CLASSES:
                return [_CLASSES[escaped]]
            if escaped in "._-":
                return [escaped]
        elif sign in _LITERAL:
            return [sign]
        raise Inexact(self.text)

    def _next(self, sign: str) -> bool:
        """Whether this stands here; then it is passed."""
        there = self.text.startswith(sign, self.position)
        self.position += there
        return there


def cron_of(interval: str) -> tuple[str, bool]:
    """A cron line for an interval like ``90m`` or ``24h``, and whether it is exactly that.

    :raises ValueError: it is no interval.
    """
    match = _DURATION.fullmatch(interval.strip())
    if not interval.strip() or match is None:
        raise ValueError(interval)
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 60 + minutes + (seconds > 0)
    if total < 1:
        raise ValueError(interval)
    if total < 60:
        step = max(each for each in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30) if each <= total)
        return (f"*/{step} * * * *" if step > 1 else "* * * * *"), step == total and not seconds
    if total < _DAY_MINUTES:
        step = max(each for each in (1, 2, 3, 4, 6, 8, 12) if each * 60 <= total)
        return (f"0 */{step} * * *" if step > 1 else "0 * * * *"), step * 60 == total and not seconds
    return "0 0 * * *", total == _DAY_MINUTES and not seconds
