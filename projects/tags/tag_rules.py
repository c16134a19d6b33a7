"""Which tags of a repository a schedule follows: exact names, globs, ``semver:`` ranges, and exclusions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import Final

from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from oci.reference.parser import valid_tag
from projects.tags import semver

_SEMVER: Final = "semver:"
_GLOB_SIGNS: Final = frozenset("*?[]")
_GLOB: Final = re.compile(r"[A-Za-z0-9_.*?\[\]!-]{1,200}", re.ASCII)


@dataclass(frozen=True)
class Rule:
    """One rule as the user wrote it."""

    text: str

    @property
    def is_exact(self) -> bool:
        """Whether it is the name of one tag."""
        return not self.text.startswith(_SEMVER) and not _GLOB_SIGNS & set(self.text)

    def matches(self, tag: str) -> bool:
        """Whether the rule means the tag."""
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

    :raises ApplicationError: it is neither a tag, nor a glob, nor a ``semver:`` range.
    """
    rule = Rule(text.strip())
    if rule.text.startswith(_SEMVER):
        semver.parse_range(rule.text[len(_SEMVER) :])
    elif rule.is_exact:
        if not valid_tag(rule.text):
            raise ApplicationError(
                "invalid_tag_rule", gettext_noop("“%(rule)s” is not a valid tag."), rule=rule.text[:100]
            )
    elif not _GLOB.fullmatch(rule.text):
        raise ApplicationError(
            "invalid_tag_rule",
            gettext_noop("“%(rule)s” is not a valid pattern for tags. Use a form such as 1.2* or *-alpine."),
            rule=rule.text[:100],
        )
    return rule


class TagRules:
    """Rules to follow and rules to leave out, compiled once."""

    def __init__(self, tags: Sequence[str], exclude: Sequence[str] = ()) -> None:
        """Read the rules: names, globs and ranges of versions.

        :raises ApplicationError: one of them can't be read.
        """
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
        return [name for name in names if not self.leaves_out(name)]

    def wants(self, tag: str) -> bool:
        """Whether a rule includes the tag and none excludes it."""
        return any(rule.matches(tag) for rule in self.include) and not self.leaves_out(tag)

    def leaves_out(self, tag: str) -> bool:
        """Whether a rule excludes the tag."""
        return any(rule.matches(tag) for rule in self.exclude)
