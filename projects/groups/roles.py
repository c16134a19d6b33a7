"""The highest of a user's roles: their own, and those of the groups that they are in. Asked at each use."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)  # fmt: skip
from django.db.models.functions import Coalesce, Greatest

from accounts.models import UserGroup
from projects.models import GroupRole, Membership, Project, Role

#: Each role has all that those below it may.
RANK: Final = {Role.VIEWER: 1, Role.DEVELOPER: 2, Role.MAINTAINER: 3, Role.OWNER: 4}
_RANK_OF_ROW: Final = Case(
    *(When(role=role.value, then=Value(rank)) for role, rank in RANK.items()), output_field=IntegerField()
)


def highest(user: Any, project: Project) -> Role | None:
    """The user's role in one project; None: they have none. One query."""
    mine = Membership.objects.filter(project=project, user_id=user.pk).order_by()
    by_group = _of_groups(user).filter(project=project).order_by()
    found = mine.values_list("role", flat=True).union(by_group.values_list("role", flat=True))
    return max(map(Role, found), key=RANK.__getitem__, default=None)


def with_role(projects: QuerySet[Project], user: Any) -> QuerySet[Project]:
    """Each project with ``role``: the user's highest, None where they have none."""
    mine, by_group = _here(user)
    rank = Greatest(_rank_of(mine), _rank_of(by_group))
    return projects.annotate(role=_RoleOfRank(rank, output_field=CharField(null=True)))


def is_member(user: Any) -> Q:
    """Whether the user has a role in the project, by whichever way."""
    mine, by_group = _here(user)
    return Q(Exists(mine)) | Q(Exists(by_group))


def _here(user: Any) -> tuple[QuerySet[Membership], QuerySet[GroupRole]]:
    return (
        Membership.objects.filter(project=OuterRef("pk"), user_id=user.pk),
        _of_groups(user).filter(project=OuterRef("pk")),
    )


def _of_groups(user: Any) -> QuerySet[GroupRole]:
    """None at all where no claim is read anymore: what was read before has no one to end it."""
    if not settings.OIDC_GROUPS_CLAIM:
        return GroupRole.objects.none()
    return GroupRole.objects.filter(group__in=UserGroup.objects.filter(user_id=user.pk).values("name"))


def _rank_of(rows: QuerySet[Any]) -> Coalesce:
    highest_first = rows.annotate(rank=_RANK_OF_ROW).order_by(F("rank").desc())
    return Coalesce(Subquery(highest_first.values("rank")[:1]), 0)


class _RoleOfRank(Func):
    """The role that a rank stands for; NULL for 0. What is ranked stands in the query once."""

    template = (
        "(CASE %(expressions)s "
        + " ".join(f"WHEN {rank} THEN '{role.value}'" for role, rank in RANK.items())
        + " END)"
    )
