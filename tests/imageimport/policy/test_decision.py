"""The decision as a table: what rules say of what is known of an image."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from imageimport.choices import Action
from imageimport.policy.decision import Facts, Requirements, Rule, RuleSet, decide, requirements_on

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
ANCHOR, OTHER = uuid4(), uuid4()
NGINX = Facts(source="docker.io/library/nginx", tag="1.27")
WHOLE = replace(
    NGINX,
    bytes_total=1000,
    platforms=("linux/amd64",),
    created=(NOW - dt.timedelta(days=10),),
    proved=frozenset(),
    whole=True,
)


def proofs(*sets: set[UUID]) -> frozenset[frozenset[UUID]]:
    return frozenset(map(frozenset, sets))


def rule(action: str, **more: Any) -> Rule:
    """A rule of the installation that fits everything, unless ``more`` says otherwise."""
    requires = {key: more.pop(key) for key in Requirements.__slots__ if key in more}
    values: dict[str, Any] = {"id": None, "name": "R", "of": "installation", "action": action, **more}
    return Rule(requires=Requirements(**requires), **values)


def outcome(
    installation: list[Rule] | None = None,
    project: list[Rule] | None = None,
    *,
    default: Any = "allow",
    facts: Facts = NGINX,
) -> str:
    rules = RuleSet(tuple(installation or ()), tuple(project or ()), default)
    return decide(rules, facts, now=NOW).action


@pytest.mark.parametrize("default", ["allow", "approve", "refuse"])
def test_the_default_decides_where_no_rule_fits(default: str) -> None:
    other = [rule("refuse", sources=("quay.io/*",))]
    assert outcome(other, other, default=default) == default


@pytest.mark.parametrize(
    ("installation", "project", "found"),
    [
        ("allow", "allow", "allow"),
        ("allow", "approve", "approve"),
        ("allow", "refuse", "refuse"),
        ("approve", "allow", "approve"),
        ("approve", "approve", "approve"),
        ("approve", "refuse", "refuse"),
        ("refuse", "allow", "refuse"),
        ("refuse", "approve", "refuse"),
        ("refuse", "refuse", "refuse"),
    ],
)
def test_of_installation_and_project_the_stricter_counts(installation: str, project: str, found: str) -> None:
    assert outcome([rule(installation)], [rule(project)]) == found
    assert outcome([rule(installation)], [], default=project) == found


def test_within_each_the_first_that_fits_decides() -> None:
    assert outcome([rule("approve", tags=("1.*",)), rule("refuse")]) == "approve"
    assert outcome([rule("approve", tags=("2.*",)), rule("refuse")]) == "refuse"
    assert outcome([], [rule("allow"), rule("refuse")], default="refuse") == "allow"


@pytest.mark.parametrize(
    ("more", "tag", "fits"),
    [
        ({"sources": ("docker.io/library/*",)}, "1.27", True),
        ({"sources": ("DOCKER.io/library/*",)}, "1.27", True),
        ({"sources": ("docker.io/library",)}, "1.27", False),
        ({"sources": ("ghcr.io/*", "docker.io/*")}, "1.27", True),
        ({"tags": ("1.27",)}, "1.27", True),
        ({"tags": ("1.2?",)}, "1.27", True),
        ({"tags": ("latest",)}, "1.27", False),
        ({"tags": ("*",), "exclude_tags": ("latest",)}, "latest", False),
        ({"tags": ("*",), "exclude_tags": ("latest",)}, "1.27", True),
        ({"exclude_tags": ("*-rc*",)}, "1.27-rc1", False),
        # By its digest alone an image has no tag: only what fits every tag fits it.
        ({}, None, True),
        ({"tags": ("*",)}, None, True),
        ({"tags": ("1.*", "**")}, None, True),
        ({"tags": ("?*",)}, None, False),
        ({"tags": ("1.*",)}, None, False),
        ({"exclude_tags": ("latest",)}, None, True),
        ({"exclude_tags": ("*",)}, None, False),
    ],
)
def test_a_rule_fits_by_source_and_tag(more: Any, tag: str | None, fits: bool) -> None:
    found = outcome([rule("refuse", **more)], facts=replace(NGINX, tag=tag))
    assert (found == "refuse") is fits


@pytest.mark.parametrize(
    ("requires", "facts", "found"),
    [
        ({"max_bytes": 1000}, {}, "allow"),
        ({"max_bytes": 999}, {}, "refuse"),
        ({"max_bytes": 1000}, {"bytes_total": None}, "refuse"),
        ({"min_age_days": 10}, {}, "allow"),
        ({"min_age_days": 11}, {}, "refuse"),
        ({"min_age_days": 0}, {"created": (NOW + dt.timedelta(seconds=1),)}, "refuse"),
        ({"min_age_days": 1}, {"created": (NOW - dt.timedelta(days=9), NOW)}, "refuse"),
        ({"min_age_days": 1}, {"created": (NOW - dt.timedelta(days=9), None)}, "refuse"),
        ({"min_age_days": 1}, {"created": ()}, "refuse"),
        ({"min_age_days": 1}, {"created": None}, "refuse"),
        ({"min_seen_days": 3}, {"first_seen": NOW - dt.timedelta(days=3)}, "allow"),
        ({"min_seen_days": 3}, {"first_seen": NOW - dt.timedelta(days=3, seconds=-1)}, "refuse"),
        ({"min_seen_days": 0}, {"first_seen": NOW}, "allow"),
        ({"min_seen_days": 0}, {"first_seen": None}, "refuse"),
        ({"max_severity": "high"}, {"severity": ""}, "allow"),
        ({"max_severity": "high"}, {"severity": "high"}, "allow"),
        ({"max_severity": "high"}, {"severity": "critical"}, "refuse"),
        ({"max_severity": "negligible"}, {"severity": "unknown"}, "allow"),
        ({"max_severity": "critical"}, {"severity": None}, "refuse"),
        ({"platforms": ("linux/amd64",)}, {}, "allow"),
        ({"platforms": ("linux/arm64",)}, {}, "refuse"),
        ({"platforms": ("linux/amd64",)}, {"platforms": ("linux/amd64", "linux/arm64/v8")}, "refuse"),
        (
            {"platforms": ("linux/amd64", "linux/arm64")},
            {"platforms": ("linux/amd64", "linux/arm64/v8")},
            "allow",
        ),
        ({"platforms": ("linux/arm",)}, {"platforms": ("linux/arm/v7",)}, "allow"),
        ({"platforms": ("linux/arm/v7",)}, {"platforms": ("linux/arm/v6",)}, "refuse"),
        ({"platforms": ("linux/amd64",)}, {"platforms": ()}, "refuse"),
        ({"platforms": ("linux/amd64",)}, {"platforms": ("linux/amd64", "")}, "refuse"),
        ({"platforms": ("linux/amd64",)}, {"platforms": ("no platform",)}, "refuse"),
        ({"platforms": ("linux/amd64",)}, {"platforms": None}, "refuse"),
        ({"platforms": ("linux/amd64",)}, {"chosen": ("linux/arm64",)}, "refuse"),
        ({"signed_by": frozenset({ANCHOR})}, {"proved": proofs({ANCHOR})}, "allow"),
        ({"signed_by": frozenset({ANCHOR, OTHER})}, {"proved": proofs({OTHER})}, "allow"),
        ({"signed_by": frozenset({ANCHOR, OTHER})}, {"proved": proofs({ANCHOR, OTHER})}, "allow"),
        ({"signed_by": frozenset({ANCHOR})}, {"proved": proofs({OTHER}, {ANCHOR})}, "allow"),
        ({"signed_by": frozenset({ANCHOR})}, {"proved": proofs({OTHER})}, "refuse"),
        # One of them signed one image of the index, the other another.
        ({"signed_by": frozenset({ANCHOR})}, {"proved": proofs({ANCHOR, OTHER})}, "refuse"),
        ({"signed_by": frozenset({ANCHOR})}, {}, "refuse"),
        ({"signed_by": frozenset({ANCHOR})}, {"proved": None}, "refuse"),
        ({"unknown": ("max_severity",)}, {}, "refuse"),
    ],
)
def test_what_a_rule_requires_holds_or_the_image_is_refused(requires: Any, facts: Any, found: str) -> None:
    known = replace(WHOLE, **facts)
    assert outcome([rule("allow", **requires)], facts=known) == found
    assert outcome([], [rule("allow", **requires)], facts=known) == found
    as_request = outcome([], [rule("approve", **requires)], facts=known)
    assert as_request == ("approve" if found == "allow" else found)


@pytest.mark.parametrize(
    "requires",
    [
        {"max_bytes": 1},
        {"min_age_days": 1},
        {"min_seen_days": 1},
        {"platforms": ("linux/arm64",)},
        {"signed_by": frozenset({ANCHOR})},
    ],
)
def test_what_is_not_known_yet_is_asked_later(requires: Any) -> None:
    assert outcome([rule("allow", **requires)], facts=NGINX) == "allow"
    assert outcome([rule("allow", **requires)], facts=replace(NGINX, whole=True)) == "refuse"


def test_a_choice_outside_of_the_platforms_is_refused_at_once() -> None:
    only = [rule("allow", platforms=("linux/amd64",))]
    assert outcome(only, facts=replace(NGINX, chosen=("linux/arm64",))) == "refuse"
    assert outcome(only, facts=replace(NGINX, chosen=("linux/amd64",))) == "allow"


def test_what_an_installations_allow_requires_holds_for_the_projects_rule_as_well() -> None:
    installation, project = [rule("allow", max_bytes=1)], [rule("allow")]
    found = decide(RuleSet(tuple(installation), tuple(project)), WHOLE, now=NOW)
    assert (found.action, found.rule) == ("refuse", installation[0])
    assert found.error.code == "refused_by_rule"
    assert "1000" in str(found.error) and "“R”" in str(found.error)


def test_rules_that_cannot_be_read_refuse_everything() -> None:
    found = decide(RuleSet((rule("allow"),), readable=False), NGINX, now=NOW)
    assert found.action == "refuse"
    assert "can't be read" in str(found.error)


def test_the_decision_names_the_rule_and_says_its_words() -> None:
    said = rule("refuse", name="No latest", message="Name a version.")
    found = decide(RuleSet((said,)), NGINX, now=NOW)
    assert found.rule is said
    assert "Name a version." in str(found.error) and "No latest" in str(found.error)
    assert decide(RuleSet((), (), "refuse"), NGINX, now=NOW).rule is None  # type: ignore[arg-type]


@pytest.mark.parametrize("default", ["allow", "approve", "refuse"])
@pytest.mark.parametrize("one", ["allow", "approve", "refuse"])
@pytest.mark.parametrize("other", ["allow", "approve", "refuse", ""])
def test_of_two_names_the_one_that_is_judged_more_strictly_counts(default: str, one: str, other: str) -> None:
    twice = replace(NGINX, also=("bundle/web", "1"))
    rules = [rule(one, of="project", sources=("docker.io/*",))]
    if other:
        rules.append(rule(other, of="project", sources=("bundle/*",)))
    strictest = max(one, other or default, key=["allow", "approve", "refuse"].index)
    assert outcome(None, rules, default=default, facts=twice) == strictest
    assert outcome(None, rules, default=default) == one


def test_what_a_rule_for_either_name_requires_has_to_hold() -> None:
    large = rule("allow", sources=("bundle/*",), max_bytes=999)
    young = rule("allow", sources=("docker.io/*",), min_age_days=3)
    twice = replace(WHOLE, also=("bundle/web", "1"))
    assert requirements_on(RuleSet((large, young)), twice) == (young.requires, large.requires)
    assert outcome([large, young], facts=WHOLE) == "allow"
    assert outcome([large, young], facts=twice) == "refuse"


def test_only_rules_that_decide_say_what_has_to_be_learnt() -> None:
    young = rule("allow", min_age_days=3)
    assert requirements_on(RuleSet((young,), (young,)), NGINX) == (young.requires, young.requires)
    assert requirements_on(RuleSet((rule("allow"), young)), NGINX) == (Requirements(),)


def test_a_thousand_rules_are_asked_about_a_thousand_images_in_a_millisecond_each() -> None:
    """Of the processor, the last rule of each list deciding at the latest; a quarter of that on a common machine."""

    def rules(of: str) -> tuple[Rule, ...]:
        return tuple(
            rule(
                "approve",
                of=of,
                sources=(
                    f"registry{number % 50}.example.com/team-*/app{number}-*",
                    f"docker.io/*/thing{number}",
                ),
                tags=("1.*", "v*"),
                exclude_tags=("latest",),
                max_bytes=10**9,
                platforms=("linux/amd64",),
                min_age_days=3,
                signed_by=frozenset({ANCHOR}),
            )
            for number in range(500)
        )

    asked = RuleSet(rules("installation"), rules("project"), Action.ALLOW)
    images = [
        replace(WHOLE, source=f"registry{number % 50}.example.com/team-{number}/app{number}-x", tag="1.27")
        for number in range(1000)
    ]

    def seconds() -> float:
        began = time.process_time()
        for image in images:
            decide(asked, image, now=NOW)
        return time.process_time() - began

    assert min(seconds() for _ in range(3)) <= 1.0
