"""Whether two schedules' rules can ever want the same tag.

Exact names, globs and exclusions are compared exactly, by walking both at once through every tag that there could be;
``semver:`` ranges by what can be said of them. Where no answer is found within a bound, the answer is yes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Final

from projects.tags import semver
from projects.tags.tag_rules import Rule, TagRules

_CHARS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
#: A tag does not begin with these.
_NOT_FIRST: Final = frozenset(".-")
MAX_TAG_CHARS: Final = 128
#: Steps of one comparison; each is a look at one position of one pattern. A fraction of a second.
MAX_STEPS: Final = 300_000
#: What every tag that names a version looks like, and some that do not: ``v``, a digit, anything.
_VERSIONS: Final = ("[0-9]*", "v[0-9]*")

#: One piece of a pattern: the characters it takes, and whether it takes any number of them.
_Token = tuple[frozenset[str], bool]
#: Positions in patterns, each ``(pattern, piece)``: how far a tag has come in each.
_State = frozenset[tuple[int, int]]


def common_tag(one: TagRules, other: TagRules) -> str | None:
    """A tag that both want; None where there can be none. An empty text: there may be one, no one knows which."""
    for tag in (*one.exact, *other.exact):
        if one.wants(tag) and other.wants(tag):
            return tag
    mine, theirs = _patterns(one), _patterns(other)
    if not mine or not theirs:
        return None
    ranges = [[rule for rule in side if rule.range is not None] for side in (mine, theirs)]
    globs = [[rule for rule in side if rule.range is None] for side in (mine, theirs)]
    if any(semver.may_meet(a.range, b.range) for a in ranges[0] for b in ranges[1] if a.range and b.range):
        return ""
    left_out = [rule for rule in (*one.exclude, *other.exclude) if rule.range is None]
    walks = [(globs[0], globs[1], True), (ranges[0], globs[1], False), (globs[0], ranges[1], False)]
    for a, b, exact in walks:
        if not a or not b:
            continue
        found = _Walk(a, b, left_out).common()
        if found is not None:
            # A version-like tag need not be in the range.
            return found if exact else ""
    return None


def _patterns(rules: TagRules) -> list[Rule]:
    return [rule for rule in rules.include if not rule.is_exact]


@dataclass(frozen=True, slots=True)
class _Side:
    """Patterns of which one must fit."""

    patterns: tuple[tuple[_Token, ...], ...]

    def begin(self) -> _State:
        return self._spread((number, 0) for number in range(len(self.patterns)))

    def after(self, state: _State, char: str) -> _State:
        """How far the patterns are once this character has come."""
        return self._spread(
            (number, at if self.patterns[number][at][1] else at + 1)
            for number, at in state
            if at < len(self.patterns[number]) and char in self.patterns[number][at][0]
        )

    def fits(self, state: _State) -> bool:
        return any(at == len(self.patterns[number]) for number, at in state)

    def _spread(self, positions: Iterator[tuple[int, int]]) -> _State:
        """With the places behind pieces that may take nothing."""
        found = set()
        for number, begin in positions:
            pattern, at = self.patterns[number], begin
            found.add((number, at))
            while at < len(pattern) and pattern[at][1]:
                at += 1
                found.add((number, at))
        return frozenset(found)


class _Walk:
    """Through all tags at once, shortest first, until both sides fit and nothing leaves the tag out."""

    def __init__(self, one: Sequence[Rule], other: Sequence[Rule], left_out: Sequence[Rule]) -> None:
        self._sides = [_side(rules) for rules in (one, other, left_out)]
        self._chars = _different(self._sides)
        self._steps = 0

    def common(self) -> str | None:
        """As :func:`common_tag`."""
        one, other, out = self._sides
        ahead = [("", tuple(side.begin() for side in self._sides))]
        # Not where they begin: a star is there again after its first character, and the empty text is no tag.
        seen: set[tuple[_State, ...]] = set()
        for _length in range(MAX_TAG_CHARS):
            following = []
            for tag, states in ahead:
                for char in self._chars:
                    if not tag and char in _NOT_FIRST:
                        continue
                    self._steps += 1 + sum(map(len, states))
                    if self._steps > MAX_STEPS:
                        return ""
                    after = tuple(
                        side.after(state, char) for side, state in zip(self._sides, states, strict=True)
                    )
                    if not after[0] or not after[1] or after in seen:
                        continue
                    if one.fits(after[0]) and other.fits(after[1]) and not out.fits(after[2]):
                        return tag + char
                    seen.add(after)
                    following.append((tag + char, after))
            ahead = following
        return None


def _side(rules: Sequence[Rule]) -> _Side:
    texts = [text for rule in rules for text in (_VERSIONS if rule.range is not None else (rule.text,))]
    return _Side(tuple(tuple(_tokens(text)) for text in texts))


def _tokens(text: str) -> Iterator[_Token]:
    """The pieces of a glob as :mod:`fnmatch` reads them."""
    at = 0
    while at < len(text):
        end = at + 1
        if text[at] == "[":
            closing = text.find("]", at + 2 + (text[at + 1 : at + 2] == "!"))
            end = closing + 1 if closing > 0 else end
        piece = text[at:end]
        one = re.compile(translate("?" if piece == "*" else piece), re.ASCII)
        yield frozenset(char for char in _CHARS if one.match(char)), piece == "*"
        at = end


def _different(sides: Sequence[_Side]) -> str:
    """One character of each kind that the patterns tell apart."""
    kinds = {chars for side in sides for pattern in side.patterns for chars, _any in pattern}
    kinds.add(_NOT_FIRST)
    found: dict[tuple[bool, ...], str] = {}
    for char in _CHARS:
        found.setdefault(tuple(char in kind for kind in kinds), char)
    return "".join(found.values())
