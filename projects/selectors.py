"""What may be seen: every query that a caller's rights decide begins here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from projects.groups import roles
from projects.models import AuditEvent, Image, Project, Robot, Role
from projects.permissions import OPEN
from projects.search import query
from projects.search.trigrams import IMAGES


def visible_projects(user: Any) -> QuerySet[Project]:
    """The projects that ``user`` may read, each with ``role`` (None: reads it as everyone may) and
    ``image_count``."""
    return _visible(user).annotate(image_count=Coalesce(F("holding__images"), 0))  # type: ignore[no-redef]


def _visible(user: Any) -> QuerySet[Project]:
    """Without the count, which few callers want."""
    found = Project.objects.all()
    if not (user.is_authenticated and user.is_active):
        return found.none()
    if user.is_superuser:
        return found.annotate(role=Value(Role.OWNER.value, output_field=CharField(null=True)))
    found = found.filter(Q(visibility__in=OPEN) | roles.is_member(user))
    return roles.with_role(found, user)


def own_projects(user: Any) -> Any:
    """The projects in which ``user`` has a role of their own, each with ``role``; a superuser's are all. A queryset, by
    whose ``role`` one may filter."""
    found: Any = _visible(user)
    return found.filter(role__isnull=False)


def get_project(user: Any, *, project_id: UUID | str | None = None, name: str | None = None) -> Project:
    """One project by id or name.

    :raises Project.DoesNotExist: there is none, or it is not the user's to see.
    """
    return _visible(user).get(**({"pk": project_id} if name is None else {"name": name}))


def robots_made_by(user: Any) -> QuerySet[AuditEvent]:
    """What the audit log has of robot accounts that ``user`` made, revoked ones too; ``subject`` is the login."""
    return AuditEvent.objects.filter(action="robot.created", actor=user)


def made_robot(user: Any, *, project_id: UUID, login: str) -> bool:
    """Whether ``user`` made the robot account of a project that has, or had, this name at the registry's door."""
    if robots_made_by(user).filter(project=project_id, subject=login).exists():
        return True
    name = login.rpartition("+")[2]
    return Robot.objects.filter(project=project_id, name=name, created_by=user).exists()


def images_of(project: Project) -> QuerySet[Image]:
    """The project's tags, those written last first."""
    return Image.objects.filter(project=project).select_related("project")


def search_images(
    images: QuerySet[Image], text: str, *, projects: Collection[UUID] | None = None
) -> QuerySet[Image]:
    """Those with ``text`` in repository or tag, or at the beginning of the digest; ``name:tag`` looks for both parts.

    :param projects: those that ``images`` are of, where they are of some: narrows the index, too.
    """
    text = text.strip().replace("\x00", "")
    name, colon, tag = text.rpartition(":")
    found = Q(repository__icontains=text) | Q(tag__icontains=text) | Q(digest__istartswith=text)
    if colon:
        found |= Q(repository__icontains=name, tag__istartswith=tag)
    rare = query.matching_ids(IMAGES, [[text], [name, tag]] if colon else [[text]], projects=projects)
    return images.filter(found) if rare is None else images.filter(pk__in=rare).filter(found)
