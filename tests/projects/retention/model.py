"""A model of clean-up that was written apart: each tag by itself, by the words of the contract; and rules to
draw.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Collection

from hypothesis import strategies as st

from projects.retention.decision import Rule, Tag


def keeps(each: Tag, tags: list[Tag], rules: list[Rule], held: Collection[str], now: dt.datetime) -> bool:
    selecting = [rule for rule in rules if _selects(rule, each)]
    return str(each) in held or not selecting or any(_rule_keeps(rule, each, tags, now) for rule in selecting)


def _selects(rule: Rule, each: Tag) -> bool:
    names = rule.repositories or ("*",)
    return any(fnmatch.fnmatchcase(each.repository, name) for name in names) and any(
        fnmatch.fnmatchcase(each.tag, name) for name in rule.tags or ("*",)
    )


def _rule_keeps(rule: Rule, each: Tag, tags: list[Tag], now: dt.datetime) -> bool:
    if (
        rule.keep_pulled_days
        and each.pulled_at
        and (now - each.pulled_at).total_seconds() <= rule.keep_pulled_days * 86400
    ):
        return True
    if rule.keep_pushed_days and (now - each.set_at).total_seconds() <= rule.keep_pushed_days * 86400:
        return True
    if rule.keep_newest is None:
        return False
    newer = 0
    for other in tags:
        if other.repository == each.repository and other is not each and _selects(rule, other):
            newer += _newer(rule, other, each)
    return newer < rule.keep_newest


def _newer(rule: Rule, one: Tag, other: Tag) -> bool:
    if rule.by_version:
        mine, theirs = _version(one.tag), _version(other.tag)
        if mine != theirs:
            return mine > theirs
    return (one.set_at, str(one.id)) > (other.set_at, str(other.id))


def _version(text: str) -> tuple[int, ...]:
    parts = text.removeprefix("v").split(".")
    return (1, *(int(part) for part in parts)) if all(part.isdigit() for part in parts) else (0,)


NAMES = st.sampled_from(["app", "web", "team/app"])
TAGS = st.sampled_from([f"{a}.{b}.0" for a in range(3) for b in range(3)] + ["latest", "edge", "nightly"])
DAYS = st.one_of(st.none(), st.integers(1, 9))
AGES = st.integers(0, 12)
RULES = st.builds(
    Rule,
    repositories=st.sampled_from([(), ("app",), ("team/*",), ("*p", "web")]),
    tags=st.sampled_from([(), ("1.*",), ("latest", "e*"), ("*.0",)]),
    keep_newest=st.one_of(st.none(), st.integers(1, 5)),
    keep_pulled_days=DAYS,
    keep_pushed_days=DAYS,
    by_version=st.booleans(),
).filter(lambda rule: rule.keep_newest or rule.keep_pulled_days or rule.keep_pushed_days)
