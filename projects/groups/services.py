"""Roles of groups in a project: given and taken. Each change leaves its line in the audit log."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from accounts.labels import as_label
from projects import audit
from projects.locking import locked
from projects.models import GroupRole, Project, Role
from projects.services import may_touch


@transaction.atomic
def add(*, project: Project, by_role: Role, group: str, role: Role) -> GroupRole:
    """Give a role to everyone in a group.

    :raises ApplicationError: ``permission_denied``: ``role`` is owner, and ``by_role`` is not.
    :raises FieldErrors: on ``group``: it has a role already, or its name can't be one.
    """
    may_touch(by_role, role)
    name = group.strip()
    if not name or name != as_label(name):
        raise FieldErrors({"group": [_("Enter the name of the group as the identity provider writes it.")]})
    try:
        with transaction.atomic():
            made = GroupRole.objects.create(project=project, group=name, role=role)
    except IntegrityError:
        raise FieldErrors({"group": [_("This group already has a role in this project.")]}) from None
    audit.record("group.added", made)
    return made


@transaction.atomic
def change(*, group: GroupRole, by_role: Role, role: Role) -> GroupRole:
    """Give a group another role.

    :raises ApplicationError: ``permission_denied``: the old or the new role is owner, and ``by_role`` is not.
    :raises Http404: someone removed it in the meantime.
    """
    locked(group, "project")
    may_touch(by_role, Role(group.role), role)
    group.role = role
    group.save(update_fields=["role"])
    audit.record("group.changed", group)
    return group


@transaction.atomic
def remove(*, group: GroupRole, by_role: Role) -> None:
    """Take the role of a group; it counts at once, tokens included.

    :raises ApplicationError: ``permission_denied``: its role is owner, and ``by_role`` is not.
    :raises Http404: someone removed it in the meantime.
    """
    locked(group, "project")
    may_touch(by_role, Role(group.role))
    audit.record("group.removed", group)
    group.delete()
