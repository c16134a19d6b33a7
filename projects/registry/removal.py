"""Taking tags out of the registry, and then out of the index: never the other way round."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest

from projects import audit
from projects.models import Image, Project
from projects.places import asking_ours
from projects.registry.catalog import repositories_of, tags_of
from projects.registry.delete import delete_tag
from projects.services import forget_image, forget_project


def delete_image(*, image: Image, user: User, request: HttpRequest | None = None) -> None:
    """Remove the tag in the registry, then its row. Other tags of the same digest stay.

    :raises OciError: the registry is away or refuses; nothing has changed then.
    """
    repository = f"{image.project.name}/{image.repository}"
    with asking_ours():
        delete_tag(repository=repository, tag=image.tag)
    forget_image(image=image)
    audit.record(
        action="image.deleted",
        actor=user,
        project=image.project,
        subject=f"{repository}:{image.tag}",
        detail={"digest": image.digest},
        request=request,
    )


def delete_project(*, project: Project, user: User, request: HttpRequest | None = None) -> None:
    """Remove all tags of the project in the registry, then the project with all its rows.

    Whoever makes a project of the same name later must not find the old one's images in it.

    :raises OciError: the registry is away or refuses; the project stays, without the tags removed so far.
    """
    with asking_ours():
        for repository in repositories_of(project):
            for tag in tags_of(repository):
                delete_tag(repository=repository, tag=tag)
    forget_project(project=project, user=user, request=request)
