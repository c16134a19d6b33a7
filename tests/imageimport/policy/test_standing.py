"""What can decide about an import, by one question that is built once."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imageimport.choices import Action, Verdict
from imageimport.models import ApprovalRequest, PolicyRule, TrustAnchor
from imageimport.policy.standing import Standing, standing_of
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db


def test_rules_anchors_and_the_approval_of_one_import_are_told_from_those_of_others() -> None:
    mine, others = TaskFactory(), TaskFactory()
    with CaptureQueriesContext(connection) as asked:
        assert standing_of(mine) == Standing("allow", has_rules=False, has_anchors=False, approved=None)
    assert len(asked) == 1
    rule = PolicyRule.objects.create(project=others.project, position=1, name="r", action=Action.REFUSE)
    TrustAnchor.objects.create(project=others.project, name="a", kind=TrustAnchor.Kind.KEY)
    ApprovalRequest.objects.create(
        task=others, verdict=Verdict.APPROVED, digest="sha256:" + "a" * 64, expires_at=timezone.now()
    )
    others.project.default_action = "approve"
    others.project.save()
    assert standing_of(mine) == Standing("allow", has_rules=False, has_anchors=False, approved=None)
    assert standing_of(others) == Standing("approve", True, True, "sha256:" + "a" * 64)
    rule.enabled = False
    rule.save()
    assert standing_of(others) == Standing("approve", False, True, "sha256:" + "a" * 64)


def test_those_of_the_installation_count_everywhere() -> None:
    mine = TaskFactory()
    PolicyRule.objects.create(project=None, position=1, name="r", action=Action.REFUSE)
    TrustAnchor.objects.create(project=None, name="a", kind=TrustAnchor.Kind.KEY)
    assert standing_of(mine) == Standing("allow", has_rules=True, has_anchors=True, approved=None)


def test_what_was_asked_and_not_approved_is_no_approval() -> None:
    mine = TaskFactory()
    ApprovalRequest.objects.create(
        task=mine, verdict=Verdict.REJECTED, digest="sha256:" + "b" * 64, expires_at=timezone.now()
    )
    found = standing_of(mine)
    assert found is not None
    assert found.approved is None


def test_a_project_that_is_gone_has_none() -> None:
    task = TaskFactory()
    task.project_id = uuid4()
    assert standing_of(task) is None
