"""Rules of clean-up: what takes nothing, and what the audit log says of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from projects.models import AuditEvent, Image
from projects.registry.reconcile import reconcile
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.projects.retention.ageing import DAY, aged, kept
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


def test_a_rule_that_is_switched_off_or_taken_away_takes_nothing(team: Team) -> None:
    aged(team, "old", 90)
    base, headers = f"/projects/{team.project.pk}/retention", team.bearer("maintainer")
    made = call("POST", base, {"keep_pushed_days": 30}, headers).json()
    assert kept(team.project) == set()
    call("PATCH", f"{base}/{made['id']}", {"enabled": False}, headers)
    assert kept(team.project) == {"old"}
    call("PATCH", f"{base}/{made['id']}", {"enabled": True}, headers)
    assert kept(team.project) == set()
    assert call("DELETE", f"{base}/{made['id']}", headers=headers).status_code == 204
    assert kept(team.project) == {"old"}


def test_the_audit_log_says_why_each_tag_went_and_what_the_rules_said(
    team: Team, registry: RegistryServer
) -> None:
    registry.push(f"{team.project.name}/app", "1", random_image([100], seed=1))
    reconcile()
    Image.objects.update(updated_at=timezone.now() - 90 * DAY)
    base, headers = f"/projects/{team.project.pk}/retention", team.bearer("maintainer")
    made = call("POST", base, {"keep_pushed_days": 100, "tags": ["1"]}, headers).json()
    other = call("POST", base, {"keep_newest": 1, "tags": ["2"]}, headers).json()
    call("PATCH", f"{base}/{made['id']}", {"keep_pushed_days": 30}, headers)
    call("POST", f"{base}/run", headers=headers)
    call("DELETE", f"{base}/{other['id']}", headers=headers)

    def said(action: str) -> Any:
        return AuditEvent.objects.filter(action=action).latest("at").detail

    change = said("retention.changed")
    assert change["rule"] == made["id"]
    assert (change["before"]["keep_pushed_days"], change["after"]["keep_pushed_days"]) == (100, 30)
    assert change["after"] == change["before"] | {"keep_pushed_days": 30}
    assert said("retention.deleted")["before"]["keep_newest"] == 1
    assert said("retention.created")["after"]["tags"] == ["2"]
    cleaned = said("image.cleaned")
    assert cleaned["rules"] == [made["id"]]
    assert cleaned["reason"].startswith("No rule keeps it: last updated 20")
