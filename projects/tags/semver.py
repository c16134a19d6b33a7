"""Versions in tags, and ranges over them: ``>=1.2 <2``, ``^1.4``, ``~1.27.3``, ``1.x || >=3``.

Written here because tags are not semantic versions: ``1.27``, ``v3`` and ``1.2.3_build`` are common, a tag can't
hold the ``+`` of build metadata, and dates and commit hashes look like numbers. The libraries for semver 2.0 refuse
the first and take the last. Range words and the rule for pre-releases are npm's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError

#: A lone number longer than this is a date, a build number or a commit, not a version.
_LONE_DIGITS: Final = 5
_NUMBER: Final = r"(?:0|[1-9][0-9]{0,14})"
_IDENTIFIERS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION: Final = re.compile(
    rf"v?(?P<major>{_NUMBER})(?:\.(?P<minor>{_NUMBER}))?(?:\.(?P<patch>{_NUMBER}))?"
    rf"(?:-(?P<pre>{_IDENTIFIERS}))?(?:[_+](?P<build>{_IDENTIFIERS}))?",
    re.ASCII,
)
_WILD: Final = rf"(?:{_NUMBER}|[xX*])"
#: Numbers and what is between them.
_PARTS: Final = re.compile(r"[0-9]+|[^0-9]+", re.ASCII)
#: A range written with a hyphen, from the first of the spaces before it.
_HYPHEN: Final = re.compile(r"(?<!\s)\s+-\s+")
_SPACED: Final = re.compile(r"(>=|<=|>|<|=|\^|~)\s+")
_TERM: Final = re.compile(
    rf"(?P<op>>=|<=|>|<|=|\^|~)?v?(?P<major>{_WILD})(?:\.(?P<minor>{_WILD}))?(?:\.(?P<patch>{_WILD}))?"
    rf"(?:-(?P<pre>{_IDENTIFIERS}))?(?:[_+]{_IDENTIFIERS})?",
    re.ASCII,
)
#: Terms of one range; no one writes more, and each is compared with each tag.
_MAX_TERMS: Final = 32

_Key = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


@dataclass(frozen=True, slots=True)
class Version:
    """A version as a tag writes it; parts that are not written are 0."""

    major: int
    minor: int = 0
    patch: int = 0
    pre: tuple[str, ...] = ()

    @property
    def key(self) -> _Key:
        """Orders versions as semver 2.0, section 11, does."""
        pre = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, 0 if pre else 1, pre)

    @property
    def core(self) -> tuple[int, int, int]:
        """Major, minor and patch, without what a pre-release adds."""
        return (self.major, self.minor, self.patch)


def parse_version(tag: str) -> Version | None:
    """The version that a tag names, or None where it names none."""
    match = _VERSION.fullmatch(tag)
    if match is None:
        return None
    if match["minor"] is None and (len(match["major"]) > _LONE_DIGITS or match["pre"]):
        return None
    pre = tuple(match["pre"].split(".")) if match["pre"] else ()
    return Version(int(match["major"]), int(match["minor"] or 0), int(match["patch"] or 0), pre)


def newest_last(tag: str) -> tuple[bool, object, list[tuple[int, str]]]:
    """Orders tags by their versions; those that name none come first, by the numbers and words in them."""
    version = parse_version(tag)
    parts = [(int(part), "") if part[0] in "0123456789" else (-1, part) for part in _PARTS.findall(tag)]
    return version is not None, version.key if version else (), parts


@dataclass(frozen=True, slots=True)
class _Bound:
    """One comparison. ``written_pre``: the user wrote a pre-release, so those of the same version may match."""

    op: str
    version: Version
    written_pre: bool = False

    def holds(self, key: _Key) -> bool:
        return _COMPARE[self.op](key, self.version.key)


_COMPARE: Final[dict[str, Callable[[_Key, _Key], bool]]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "=": lambda a, b: a == b,
}


class Range:
    """A set of versions. Read it with :func:`parse_range`."""

    def __init__(self, alternatives: tuple[tuple[_Bound, ...], ...]) -> None:
        self._alternatives = alternatives

    @property
    def alternatives(self) -> tuple[tuple[_Bound, ...], ...]:
        """Bounds that hold together; one of the alternatives must."""
        return self._alternatives

    def holds(self, version: Version) -> bool:
        """Whether ``version`` is in the range. A pre-release only is where the range names one of the same version."""
        return any(_all_hold(bounds, version) for bounds in self._alternatives)


def may_meet(one: Range, other: Range) -> bool:
    """Whether there may be a version in both. False only where there can be none."""
    return any(_meet((*a, *b)) for a in one.alternatives for b in other.alternatives)


def _meet(bounds: tuple[_Bound, ...]) -> bool:
    """Whether a version may keep all bounds: the lowest that some of them allow is at most the highest.

    Pre-releases stand between versions, so that what looks like a gap between two bounds may hold one; it is no gap
    here.
    """
    lows = [bound.version.key for bound in bounds if bound.op in (">=", ">", "=")]
    highs = [bound.version.key for bound in bounds if bound.op in ("<=", "<", "=")]
    if not lows or not highs:
        return True
    low, high = max(lows), min(highs)
    if low != high:
        return low < high
    return all(bound.op in (">=", "<=", "=") for bound in bounds if bound.version.key == low)


def _all_hold(bounds: tuple[_Bound, ...], version: Version) -> bool:
    if version.pre and not any(b.written_pre and b.version.core == version.core for b in bounds):
        return False
    return all(bound.holds(version.key) for bound in bounds)


def parse_range(text: str) -> Range:
    """Read a range: comparisons joined by spaces or commas (all must hold), alternatives by ``||``.

    :raises ApplicationError: it can't be read.
    """
    alternatives = tuple(_alternative(part, text) for part in text.split("||"))
    if sum(map(len, alternatives)) > _MAX_TERMS:
        raise _unreadable(text[:100])
    return Range(alternatives)


def _alternative(part: str, whole: str) -> tuple[_Bound, ...]:
    spaced = _HYPHEN.sub(" - ", part.strip())
    if " - " in spaced:
        low, _, high = spaced.partition(" - ")
        return (*_term(f">={low}", whole), *_term(f"<={high}", whole))
    words = _SPACED.sub(r"\1", spaced.replace(",", " ")).split()
    if not words:
        raise _unreadable(whole[:100])
    return tuple(bound for word in words for bound in _term(word, whole))


def _term(word: str, whole: str) -> tuple[_Bound, ...]:
    match = _TERM.fullmatch(word)
    if match is None:
        raise _unreadable(whole[:100])
    numbers: list[int] = []
    for name in ("major", "minor", "patch"):
        part = match[name]
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    pre = tuple(match["pre"].split(".")) if match["pre"] else ()
    if pre and len(numbers) < 3:
        raise _unreadable(whole[:100])
    return _bounds(match["op"] or "", numbers, pre)


def _bounds(op: str, numbers: list[int], pre: tuple[str, ...]) -> tuple[_Bound, ...]:
    """Comparisons with whole versions that say what ``op`` before a perhaps partial version means."""
    if not numbers:
        return (_Bound("<", Version(0)),) if op in ("<", ">") else (_Bound(">=", Version(0)),)
    low = Version(*_filled(numbers), pre=pre)
    from_low = _Bound(">=", low, bool(pre))
    whole = len(numbers) == 3
    found: dict[str, tuple[_Bound, ...]] = {
        ">=": (from_low,),
        "<": (_Bound("<", low, bool(pre)),),
        ">": (_Bound(">", low, bool(pre)) if whole else _Bound(">=", _after(numbers)),),
        "<=": (_Bound("<=", low, bool(pre)) if whole else _Bound("<", _after(numbers)),),
        "^": (from_low, _Bound("<", _after(numbers[: _significant(numbers)]))),
        "~": (from_low, _Bound("<", _after(numbers[:2]))),
    }
    same = (_Bound("=", low, bool(pre)),) if whole else (from_low, _Bound("<", _after(numbers)))
    return found.get(op, same)


def _significant(numbers: list[int]) -> int:
    """How many parts ``^`` holds fast: up to the first that is not 0."""
    return next((i for i, number in enumerate(numbers) if number), len(numbers) - 1) + 1


def _after(numbers: list[int]) -> Version:
    """The first version beyond all that begin with ``numbers``."""
    raised = [*numbers[:-1], numbers[-1] + 1]
    return Version(*_filled(raised))


def _filled(numbers: list[int]) -> tuple[int, int, int]:
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return major, minor, patch


def _unreadable(text: str) -> ApplicationError:
    return ApplicationError(
        "invalid_range",
        gettext_noop("“%(range)s” is not a version range. Use a form such as >=1.2 <2, ^1.4 or 1.27.x."),
        range=text,
    )
