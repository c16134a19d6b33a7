"""Which tags clean-up takes: against a model that was written apart, and case by case."""

from __future__ import annotations

import datetime as dt
import time
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st

from oci.errors import Note
from projects.retention.decision import NOT_SELECTED, Rule, Tag, decide
from tests.projects.retention.model import AGES, NAMES, RULES, TAGS, keeps

NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def tag(name: str, *, age: float = 0, pulled: float | None = None, digest: str = "") -> Tag:
    """``repository:tag``; ages in days."""
    repository, _, text = name.partition(":")
    at = None if pulled is None else NOW - pulled * DAY
    return Tag(uuid.uuid4(), repository, text, digest or f"sha256:{text}", NOW - age * DAY, at)


def left(tags: list[Tag], *rules: Rule, held: frozenset[str] = frozenset()) -> set[str]:
    """Names of what stays."""

    def why(each: Tag) -> Note | None:
        return ("Held.", {}) if str(each) in held else None

    return {str(each.tag) for each in decide(tags, rules, held=why, now=NOW) if each.keep}


@st.composite
def registries(draw: st.DrawFn) -> tuple[list[Tag], frozenset[str]]:
    names = draw(st.sets(st.tuples(NAMES, TAGS), max_size=16))
    tags = [
        tag(f"{name}:{text}", age=draw(AGES), pulled=draw(st.one_of(st.none(), AGES)))
        for name, text in sorted(names)
    ]
    held = draw(st.sets(st.sampled_from([str(each) for each in tags]), max_size=3)) if tags else set()
    return tags, frozenset(held)


@settings(max_examples=1000, deadline=None)
@given(registries(), st.lists(RULES, max_size=4))
def test_a_thousand_random_registries_are_judged_as_by_a_model_that_was_written_apart(
    registry: tuple[list[Tag], frozenset[str]], rules: list[Rule]
) -> None:
    tags, held = registry
    expected = {str(each) for each in tags if keeps(each, tags, rules, held, NOW)}
    assert left(tags, *rules, held=held) == expected


def test_a_tag_that_no_rule_selects_stays_and_says_so() -> None:
    (verdict,) = decide([tag("app:1", age=900)], [], held=lambda _: None, now=NOW)
    assert verdict.keep and verdict.why == (NOT_SELECTED, {})


def test_one_that_any_rule_keeps_stays() -> None:
    tags = [tag("app:1", age=100, pulled=1), tag("app:2", age=50), tag("app:3", age=200)]
    newest, pulled = Rule(keep_newest=1), Rule(keep_pulled_days=7)
    assert left(tags, newest, pulled) == {"app:1", "app:2"}


def test_the_newest_are_counted_in_each_repository_among_what_the_rule_is_about() -> None:
    tags = [tag(f"{name}:{number}", age=number) for name in ("app", "web") for number in range(4)]
    tags.append(tag("app:latest", age=0))
    assert left(tags, Rule(tags=("[0-9]*",), keep_newest=2)) == {
        "app:0", "app:1", "web:0", "web:1", "app:latest",
    }  # fmt: skip


def test_versions_are_ordered_as_versions_and_before_all_else() -> None:
    tags = [
        tag(f"app:{text}", age=age) for text, age in (("1.10", 9), ("1.9", 1), ("2.0-rc.1", 5), ("edge", 0))
    ]
    assert left(tags, Rule(keep_newest=2, by_version=True)) == {"app:2.0-rc.1", "app:1.10"}
    assert left(tags, Rule(keep_newest=2)) == {"app:edge", "app:1.9"}


def test_what_is_held_stays_whatever_the_rules_say_and_the_reason_is_given() -> None:
    (verdict,) = decide([tag("app:1", age=900)], [Rule(keep_newest=1, tags=("2",)), Rule(keep_pushed_days=1)],
                        held=lambda _: ("In the bundle %(name)s.", {"name": "x"}), now=NOW)  # fmt: skip
    assert verdict.keep and verdict.why[1] == {"name": "x"}


def test_what_is_attached_to_an_image_stays_with_it_and_takes_no_images_place() -> None:
    """A collection of garbage takes signatures with their image: clean-up must not take them before."""
    signed = "sha256:" + "a" * 64
    base = f"app:{signed.replace(':', '-')}"
    attached = [tag(f"{base}{suffix}") for suffix in ("", ".sig", ".att", ".sbom")]
    images = [tag("app:1", age=90, digest=signed), tag("app:2", age=95), tag("app:3", age=99)]
    found = decide([*attached, *images], [Rule(keep_newest=2)], held=lambda _: None, now=NOW)
    assert [str(each.tag) for each in found if not each.keep] == ["app:3"]
    assert len({each.why[0] for each in found if each.tag in attached}) == 1
    # All of them are left out of every rule, and one that is held says why.
    found = decide([*attached, *images], [Rule(keep_pushed_days=1)], held=lambda _: ("Held.", {}), now=NOW)
    assert {each.why[0] for each in found} == {"Held."}


def test_an_image_that_is_named_by_its_own_digest_is_an_image() -> None:
    digest = "sha256:" + "a" * 64
    own = tag(f"app:{digest.replace(':', '-')}", age=90, digest=digest)
    assert left([own], Rule(keep_pushed_days=1)) == set()


def test_ten_thousand_tags_take_a_second_and_not_minutes() -> None:
    tags = [tag(f"team/app{number % 50}:{number}", age=number % 400) for number in range(10_000)]
    rules = [Rule(repositories=(f"team/app{n}*",), keep_newest=5, keep_pushed_days=30) for n in range(20)]
    began = time.process_time()
    assert len(decide(tags, rules, held=lambda _: None, now=NOW)) == 10_000
    assert time.process_time() - began < 5
