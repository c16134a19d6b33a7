"""What a new installation, or someone new to it, does first; gone from the overview once it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _

from imageimport.choices import Status
from imageimport.models import ImportTask
from projects.models import Image, Robot, Role
from projects.selectors import own_projects
from registry_portal.home.overview import MAX_TARGETS

#: Who has more images than this needs no list of first steps.
FEW: Final = 10


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and the page for it; none where the overview itself has the field."""

    text: str
    url: str
    is_done: bool


def first_steps(user: Any, *, images: int, targets: Sequence[str]) -> list[Step]:
    """The steps of those who may import, as long as one is left; the import of the sample, which is no person's,
    is not theirs.

    :param images: how many the person's projects hold.
    :param targets: names of the projects that they may import into.
    """
    if not targets or images > FEW:
        return []
    rows = _projects(user)
    steps = [
        Step(
            _("Import an image: enter its name above, for example nginx:alpine."),
            "",
            any(row.imported for row in rows),
        ),
        Step(
            _("Pull an image. Its page has the commands, with the sign-in."),
            next((reverse("project", args=[row.name]) for row in rows if row.has_images), ""),
            any(row.pulled for row in rows),
        ),
    ]
    if maintained := [row for row in rows if row.role in (Role.MAINTAINER, Role.OWNER)]:
        steps.append(
            Step(
                _("Create a robot account for a pipeline or a cluster."),
                reverse("robot-add", args=[maintained[0].name]),
                any(row.has_robots for row in rows),
            )
        )
    if user.is_superuser:
        people = get_user_model().objects.filter(is_active=True).exclude(pk=user.pk)
        steps.append(
            Step(_("Create accounts for your team."), reverse("admin:auth_user_changelist"), people.exists())
        )
    return steps if any(not step.is_done for step in steps) else []


def _projects(user: Any) -> list[Any]:
    """The person's projects by name, each with what has happened in it: one query."""
    of_project: dict[str, Any] = {"project": OuterRef("pk")}
    imports = ImportTask.objects.filter(status=Status.SUCCESS, requested_by__isnull=False, **of_project)
    images = Image.objects.filter(**of_project)
    found = own_projects(user).annotate(
        imported=Exists(imports),
        has_images=Exists(images),
        pulled=Exists(images.filter(last_pulled_at__isnull=False)),
        has_robots=Exists(Robot.objects.filter(**of_project)),
    )
    return list(found.order_by("name")[:MAX_TARGETS])
