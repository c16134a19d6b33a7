"""A protected tag that someone else moved is put back."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from projects import protection
from projects.models import AuditEvent, Image
from projects.registry.catalog import tags_of
from projects.registry.client import PULL, opened_repository
from testbed.images import random_image
from tests.support.people import Team
from tests.support.services.door import Door, soon


@pytest.mark.django_db(transaction=True)
def test_a_foreign_push_over_a_protected_tag_is_undone_within_ten_seconds_and_told(
    door: Door, settings: Any
) -> None:
    team = Team.make(f"p{uuid.uuid4().hex[:10]}")
    name = f"{team.project.name}/app"
    first = door.put(name, "v1", random_image([500], seed=1))
    assert soon(lambda: Image.objects.get(project=team.project, digest=first))
    protection.add(project=team.project, user=None, pattern="app:v*")
    other = door.put(name, "v1", random_image([500], seed=2))
    free = door.put(name, "free", random_image([500], seed=2))
    assert soon(lambda: AuditEvent.objects.get(project=team.project, action="tag.restored"), seconds=60)
    assert settings.CELERY_BEAT_SCHEDULE["look_at_tags"]["schedule"] <= 5, "so often a worker looks"
    with opened_repository(name, PULL) as there:
        head = there.head_manifest("v1")
    assert head is not None and head.digest == first
    row = Image.objects.get(project=team.project, tag="v1")
    assert row.digest == first
    event = AuditEvent.objects.get(project=team.project, action="tag.restored")
    assert event.detail == {"digest": first, "was": other, "pattern": "app:v*"}
    assert soon(lambda: Image.objects.get(project=team.project, tag="free")).digest == free


@pytest.mark.django_db(transaction=True)
def test_a_protected_tag_that_was_never_there_may_be_pushed_once(door: Door) -> None:
    team = Team.make(f"p{uuid.uuid4().hex[:10]}")
    protection.add(project=team.project, user=None, pattern="*")
    first = door.put(f"{team.project.name}/app", "v1", random_image([500], seed=3))
    assert soon(lambda: Image.objects.get(project=team.project, digest=first))
    assert tags_of(f"{team.project.name}/app") == ["v1"]
