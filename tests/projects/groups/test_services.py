"""Roles of groups are judged on what they are now."""

from __future__ import annotations

import pytest
from django.http import Http404

from accounts.exceptions import ApplicationError
from projects.groups import services
from projects.models import GroupRole, Role
from tests.projects.groups.giving import give
from tests.support.people import Team

pytestmark = pytest.mark.django_db


def test_a_group_is_judged_on_what_it_is_now(team: Team) -> None:
    seen = give(team, "ops", "viewer")
    GroupRole.objects.filter(pk=seen.pk).update(role="owner")
    stale = GroupRole(pk=seen.pk, project=team.project, group="ops", role="viewer")
    with pytest.raises(ApplicationError):
        services.remove(group=stale, by_role=Role.MAINTAINER)
    GroupRole.objects.filter(pk=seen.pk).delete()
    with pytest.raises(Http404):
        services.change(group=seen, by_role=Role.OWNER, role=Role.VIEWER)
