"""Rules as they are changed: their order, what a change leaves alone, and what the journal says of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import Http404
from django.utils import timezone

from accounts.exceptions import FieldErrors
from imageimport.choices import Action
from imageimport.models import PolicyRule
from imageimport.policy import selectors, services
from imageimport.policy.decision import Facts, decide
from imageimport.policy.judging import rules_for
from projects.models import AuditEvent, Project
from tests.support.factories import ProjectFactory

pytestmark = pytest.mark.django_db


def made(project: Project | None, **positions: int) -> dict[str, PolicyRule]:
    return {
        name: services.create(project=project, user=None, name=name, action=Action.ALLOW, position=position)
        for name, position in positions.items()
    }


def order(project: Project | None) -> list[tuple[str, int]]:
    return [(rule.name, rule.position) for rule in selectors.rules_of(project)]


def test_of_equal_positions_a_rule_moves_by_one_place_all_the_same() -> None:
    project = ProjectFactory()
    rules = made(project, a=5, b=5, c=5, d=9)
    assert services.move(rule=rules["c"], up=True)
    assert order(project) == [("a", 1), ("c", 2), ("b", 3), ("d", 4)]


def test_positions_that_differ_stay_those_of_their_places() -> None:
    project = ProjectFactory()
    rules = made(project, a=10, b=20, c=100_000)
    assert services.move(rule=rules["a"], up=False)
    assert order(project) == [("b", 10), ("a", 20), ("c", 100_000)]


def test_what_is_first_or_last_stays_and_nothing_is_written_down() -> None:
    project = ProjectFactory()
    rules = made(project, a=3, b=3)
    assert not services.move(rule=rules["a"], up=True)
    assert not services.move(rule=rules["b"], up=False)
    assert order(project) == [("a", 3), ("b", 3)]
    assert not AuditEvent.objects.filter(action="rule.moved").exists()


def test_a_list_is_moved_in_by_itself() -> None:
    project = ProjectFactory()
    made(None, installation=2)
    rules = made(project, a=1, b=3)
    assert services.move(rule=rules["b"], up=True)
    assert order(None) == [("installation", 2)]
    assert order(project) == [("b", 1), ("a", 3)]


def test_a_rule_that_was_deleted_meanwhile_is_not_moved() -> None:
    project = ProjectFactory()
    rules = made(project, a=1, b=2)
    PolicyRule.objects.filter(name="b").delete()
    with pytest.raises(Http404):
        services.move(rule=rules["b"], up=True)


def action_for(project: Project) -> str:
    facts = Facts(source="docker.io/library/nginx", tag="1", whole=True)
    return decide(rules_for(project), facts, now=timezone.now()).action.value


def kept(project: Project, **values: Any) -> PolicyRule:
    """A row as an earlier or a later release wrote it, or someone by hand."""
    return PolicyRule.objects.create(project=project, **{"name": "R", "action": "allow", **values})


def test_another_name_leaves_a_requirement_that_is_not_known_unmet() -> None:
    project = ProjectFactory()
    rule = kept(project, requires={"max_layers": 5, "max_bytes": 10})
    services.update(rule=rule, changes={"name": "Other"})
    rule.refresh_from_db()
    assert (rule.name, rule.requires) == ("Other", {"max_layers": 5, "max_bytes": 10})
    assert action_for(project) == "refuse"


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("sources", {"a": 1}),
        ("sources", "docker.io/*"),
        ("tags", [1]),
        ("exclude_tags", None),
        ("action", "deny"),
        ("requires", ["max_bytes"]),
        ("requires", {"max_bytes": "10"}),
        ("requires", {"max_severity": "terrible"}),
        ("requires", {"signed_by": ["release"]}),
        ("requires", {"platforms": "linux/amd64"}),
    ],
)
def test_what_can_not_be_read_is_neither_saved_nor_opened_by_another_change(field: str, content: Any) -> None:
    project = ProjectFactory()
    values = {"name": "R", "action": "allow", field: content}
    with pytest.raises(FieldErrors) as refused:
        services.create(project=project, user=None, **values)
    assert list(refused.value.errors) == [field]
    with pytest.raises(FieldErrors) as refused:
        services.draft(project=project, values=values)
    assert list(refused.value.errors) == [field]
    if content is None:  # No database keeps that.
        return
    rule = kept(project, **{field: content})
    assert action_for(project) == "refuse"
    with pytest.raises(FieldErrors) as refused:
        services.update(rule=rule, changes={"name": "Other"})
    assert list(refused.value.errors) == [field]
    rule.refresh_from_db()
    assert (rule.name, getattr(rule, field)) == ("R", content)
    assert action_for(project) == "refuse"
    services.update(rule=rule, changes={"enabled": False})
    assert getattr(PolicyRule.objects.get(), field) == content


def test_a_requirement_that_is_not_known_is_not_made() -> None:
    with pytest.raises(FieldErrors) as refused:
        services.create(project=None, user=None, name="R", action=Action.ALLOW, requires={"max_layers": 5})
    assert refused.value.errors == {"requires": ["The portal doesn't know this requirement."]}


def test_the_journal_has_what_was_changed_with_before_and_after_and_all_of_what_was_deleted() -> None:
    project = ProjectFactory()
    rule = services.create(
        project=project, user=None, name="R", action=Action.ALLOW, requires={"max_bytes": 10}
    )
    changes = {"name": "R", "action": Action.REFUSE, "requires": {"max_bytes": 20}, "enabled": True}
    services.update(rule=rule, changes=changes)
    changed = AuditEvent.objects.get(action="rule.changed").detail
    assert changed["changed"] == ["action", "requires"]
    assert changed["before"] == {"action": "allow", "requires": {"max_bytes": 10}}
    assert changed["after"] == {"action": "refuse", "requires": {"max_bytes": 20}}
    services.update(rule=rule, changes=changes)
    assert AuditEvent.objects.filter(action="rule.changed").count() == 1
    services.delete(rule=rule)
    assert AuditEvent.objects.get(action="rule.deleted").detail["before"] == {
        "position": 1,
        "name": "R",
        "sources": [],
        "tags": [],
        "exclude_tags": [],
        "action": "refuse",
        "requires": {"max_bytes": 20},
        "message": "",
        "enabled": True,
    }
