"""Rules over going back to an earlier digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.exceptions import ApplicationError
from imageimport import restore
from imageimport.models import ApprovalRequest, ImportTask, TagDigest
from projects.models import Image, Project, Role
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.policy.judged import known_for, rule, submit
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def team(source: ScriptedRegistry, target: ScriptedRegistry) -> tuple[User, Project]:
    return member(Role.MAINTAINER)


@pytest.fixture
def moved(team: tuple[User, Project], source: ScriptedRegistry, work: Work) -> tuple[Image, str]:
    """An image whose tag named another digest before."""
    old = source.add_image("app/web", "v1", random_image([500], seed=11))
    submit(team, source)
    work()
    source.add_image("app/web", "v1", random_image([500], seed=12))
    submit(team, source)
    work()
    return Image.objects.get(), old


def go_back(moved: tuple[Image, str], user: User) -> Image:
    return restore.restore(image=moved[0], digest=moved[1])


@pytest.mark.parametrize(
    ("values", "ok"),
    [
        ({"action": "refuse", "sources": ["elsewhere/*"]}, True),
        ({"action": "refuse", "sources": ["127.0.0.1*/app/web"]}, False),
        ({"requires": {"max_bytes": 10}}, False),
        ({"requires": {"max_bytes": 10_000, "platforms": ["linux/amd64"], "min_age_days": 1}}, True),
        ({"requires": {"platforms": ["linux/arm64"]}}, False),
        ({"requires": {"min_seen_days": 0}}, True),
        ({"requires": {"min_seen_days": 1}}, False),
        ({"action": "approve"}, False),
    ],
    ids=str,
)
def test_going_back_is_judged_by_where_that_digest_came_from(
    team: tuple[User, Project], moved: tuple[Image, str], values: Any, ok: bool
) -> None:
    rule(team[1], **values)
    if ok:
        assert go_back(moved, team[0]).digest == moved[1]
        return
    with pytest.raises(ApplicationError) as refused:
        go_back(moved, team[0])
    assert refused.value.code == "refused_by_rule"
    moved[0].refresh_from_db()
    assert moved[0].digest != moved[1]


def test_going_back_is_to_what_was_here_for_as_long_as_a_rule_asks(
    team: tuple[User, Project], moved: tuple[Image, str]
) -> None:
    rule(team[1], requires={"min_seen_days": 7})
    known_for(days=7)
    assert go_back(moved, team[0]).digest == moved[1]


def test_what_was_pushed_here_is_known_since_then(
    team: tuple[User, Project], moved: tuple[Image, str]
) -> None:
    """Its row in the timeline names no source."""
    TagDigest.objects.update(source_image="", source_digest="")
    rule(team[1], requires={"min_seen_days": 7})
    known_for(days=7)
    assert go_back(moved, team[0]).digest == moved[1]


def test_going_back_to_what_was_once_approved_needs_no_other_approval(
    team: tuple[User, Project], moved: tuple[Image, str]
) -> None:
    rule(team[1], "approve")
    approved = ImportTask.objects.get(digest=moved[1])
    ApprovalRequest.objects.create(
        task=approved, expires_at=timezone.now(), verdict="approved", digest=moved[1]
    )
    assert go_back(moved, team[0]).digest == moved[1]
