"""What may be seen: every query that a caller's rights decide begins here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from projects.models import Image, Membership, Project, Role
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
        role: Any = Value(Role.OWNER.value, output_field=CharField(null=True))
    else:
        mine = Membership.objects.filter(project=OuterRef("pk"), user_id=user.pk)
        found = found.filter(Q(visibility__in=OPEN) | Exists(mine))
        role = Subquery(mine.values("role")[:1])
    return found.annotate(role=role)


def get_project(user: Any, *, project_id: UUID | str | None = None, name: str | None = None) -> Project:
    """One project by id or name.

    :raises Project.DoesNotExist: there is none, or it is not the user's to see.
    """
    return _visible(user).get(**({"pk": project_id} if name is None else {"name": name}))


def images_of(project: Project) -> QuerySet[Image]:
    """The project's tags, those written last first."""
    return Image.objects.filter(project=project).select_related("project")


def search_images(images: QuerySet[Image], text: str, *, project_id: UUID | None = None) -> QuerySet[Image]:
    """Those with ``text`` in repository or tag, or at the beginning of the digest; ``name:tag`` looks for both parts.

    :param project_id: the project that ``images`` are of, where they are of one: narrows the index, too.
    """
    text = text.strip().replace("\x00", "")
    name, colon, tag = text.rpartition(":")
    found = Q(repository__icontains=text) | Q(tag__icontains=text) | Q(digest__istartswith=text)
    if colon:
        found |= Q(repository__icontains=name, tag__istartswith=tag)
    rare = query.rare(IMAGES, [[text], [name, tag]] if colon else [[text]], project_id=project_id)
    return images.filter(found) if rare is None else images.filter(pk__in=rare).filter(found)
