"""Which tags of a repository a schedule follows: exact names, globs, ``semver:`` ranges, and exclusions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import Final

from imageimport.schedules import semver
from oci.errors import gettext_noop
from oci.reference.parser import valid_tag

_SEMVER: Final = "semver:"
_GLOB_SIGNS: Final = frozenset("*?[]")
_GLOB: Final = re.compile(r"[A-Za-z0-9_.*?\[\]!-]{1,200}", re.ASCII)


class RuleError(ValueError):
    """A rule that can't be read; ``template`` and ``params`` are for people."""

    def __init__(self, template: str, **params: str) -> None:
        super().__init__(template % params)
        self.template = template
        self.params = params


@dataclass(frozen=True)
class Rule:
    """One rule as the user wrote it."""

    text: str

    @property
    def is_exact(self) -> bool:
        return not self.text.startswith(_SEMVER) and not _GLOB_SIGNS & set(self.text)

    def matches(self, tag: str) -> bool:
        if self.range is not None:
            version = semver.parse_version(tag)
            return version is not None and self.range.holds(version)
        if self._glob is not None:
            return self._glob.match(tag) is not None
        return tag == self.text

    @cached_property
    def range(self) -> semver.Range | None:
        """The versions that it wants; None where it is an exact name or a glob."""
        return semver.parse_range(self.text[len(_SEMVER) :]) if self.text.startswith(_SEMVER) else None

    @cached_property
    def _glob(self) -> re.Pattern[str] | None:
        return None if self.is_exact or self.range else re.compile(translate(self.text), re.ASCII)


def parse_rule(text: str) -> Rule:
    """Read one rule.

    :raises RuleError: it is neither a tag, nor a glob, nor a ``semver:`` range.
    """
    rule = Rule(text.strip())
    if rule.text.startswith(_SEMVER):
        try:
            semver.parse_range(rule.text[len(_SEMVER) :])
        except semver.RangeError as exc:
            raise RuleError(exc.template, **exc.params) from exc
    elif rule.is_exact:
        if not valid_tag(rule.text):
            raise RuleError(gettext_noop("“%(rule)s” is not a tag."), rule=rule.text[:100])
    elif not _GLOB.fullmatch(rule.text):
        raise RuleError(
            gettext_noop("“%(rule)s” is not a pattern for tags. Write it like 1.2* or *-alpine."),
            rule=rule.text[:100],
        )
    return rule


class TagRules:
    """Rules to follow and rules to leave out, compiled once."""

    def __init__(self, tags: Sequence[str], exclude: Sequence[str] = ()) -> None:
        """:raises RuleError: one of them can't be read."""
        self.include = tuple(parse_rule(text) for text in tags)
        self.exclude = tuple(parse_rule(text) for text in exclude)

    @property
    def all_exact(self) -> bool:
        """Whether the tags are known without asking the source for its list."""
        return all(rule.is_exact for rule in self.include)

    @property
    def exact(self) -> list[str]:
        """The tags named exactly and not left out, in the order written, each once."""
        names = dict.fromkeys(rule.text for rule in self.include if rule.is_exact)
        return [name for name in names if not self._left_out(name)]

    def wants(self, tag: str) -> bool:
        return any(rule.matches(tag) for rule in self.include) and not self._left_out(tag)

    def choose(self, listed: Iterable[str]) -> list[str]:
        """Of the listed tags those wanted, and every exact one whether listed or not; each once."""
        chosen = dict.fromkeys(self.exact)
        chosen.update(dict.fromkeys(tag for tag in listed if self.wants(tag)))
        return list(chosen)

    def _left_out(self, tag: str) -> bool:
        return any(rule.matches(tag) for rule in self.exclude)
