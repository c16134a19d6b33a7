"""When the portal first saw an image is forgotten only where no rule can ask for it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from imageimport.models import PolicyRule, SourceSight
from imageimport.policy import old_sights
from imageimport.policy.sights import first_sight
from tests.support.factories import ProjectFactory

pytestmark = pytest.mark.django_db

NOW = timezone.now()
NGINX = "docker.io/library/nginx"
ASKS = {"min_seen_days": 7}


def sight(source: str = NGINX, tag: str = "1", *, asked: float = 91) -> SourceSight:
    """One of three years ago, that a rule last asked for so many days ago."""
    return SourceSight.objects.create(
        source=source,
        tag=tag,
        digest="sha256:" + "a" * 64,
        at=NOW - dt.timedelta(days=1000),
        asked_at=NOW - dt.timedelta(days=asked),
    )


def rule(**values: Any) -> PolicyRule:
    made = PolicyRule.objects.create(**{"name": "r", "action": "allow", "requires": ASKS, **values})
    assert isinstance(made, PolicyRule)
    return made


def test_without_a_rule_that_asks_it_goes_after_its_time() -> None:
    rule(requires={"max_bytes": 1})
    sight("quay.io/a/b")
    kept = sight(asked=89)
    assert old_sights.forget(NOW) == 1
    assert SourceSight.objects.get() == kept


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"enabled": False},
        {"sources": ["docker.io/library/*"]},
        {"sources": ["nginx.example.com/x", "docker.io/**"], "tags": ["1*"]},
        {"exclude_tags": ["latest"]},
        {"requires": {"min_seen_days": 0}},
        {"requires": {"min_seen_days": "soon"}, "sources": ["quay.io/*"]},
        # The file's own name is judged as well: these read what a file calls its source.
        {"sources": ["bundle/*"]},
        {"sources": ["*.tar/*"]},
    ],
)
def test_what_a_rule_may_read_stays_however_old_it_is(values: dict[str, Any]) -> None:
    rule(**values)
    row = sight(asked=3000)
    assert old_sights.forget(NOW) == 0
    assert first_sight(NGINX, "1", row.digest) == row.at


@pytest.mark.parametrize(
    "values",
    [
        {"sources": ["quay.io/*"]},
        {"tags": ["v*"]},
        {"exclude_tags": ["1"]},
        {"sources": [NGINX], "tags": ["2"]},
    ],
)
def test_what_no_rule_fits_goes(values: dict[str, Any]) -> None:
    rule(**values)
    rule(project=ProjectFactory(), **values)
    sight()
    assert old_sights.forget(NOW) == 1


def test_a_rule_of_any_project_reads_it() -> None:
    rule(project=ProjectFactory(), sources=["docker.io/library/nginx"])
    sight()
    sight("docker.io/library/redis")
    assert old_sights.forget(NOW) == 1
    assert SourceSight.objects.get().source == NGINX


def test_one_by_its_digest_alone_is_read_by_rules_of_all_tags() -> None:
    rule(sources=[NGINX], tags=["*"])
    sight(tag="")
    assert old_sights.forget(NOW) == 0
    PolicyRule.objects.update(tags=["1"])
    assert old_sights.forget(NOW) == 1


def test_who_reads_it_keeps_it_for_another_while() -> None:
    row = sight(asked=2)
    assert first_sight(NGINX, "1", row.digest) == row.at
    row.refresh_from_db()
    assert timezone.now() - row.asked_at < dt.timedelta(minutes=5)


def test_more_than_are_looked_at_at_once_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(old_sights, "BATCH", 2)
    rule(sources=["quay.io/*"])
    for number in range(5):
        sight(tag=str(number))
    sight("quay.io/a/b")
    assert old_sights.forget(NOW) == 5
