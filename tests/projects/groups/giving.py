"""People in groups, and roles that groups have."""

from __future__ import annotations

from django.contrib.auth.models import User

from accounts.sign_in import groups as claims
from projects.models import GroupRole
from tests.support.people import Team


def joins(user: User, *groups: str) -> User:
    claims.keep(user, set(groups))
    return user


def give(team: Team, group: str, role: str) -> GroupRole:
    return GroupRole.objects.create(project=team.project, group=group, role=role)
