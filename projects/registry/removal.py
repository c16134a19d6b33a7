"""Taking tags out of the registry, and then out of the index: never the other way round."""

from __future__ import annotations

from django.contrib.auth.models import User

from projects import protection
from projects.models import Image, Project
from projects.places import asking_ours
from projects.registry.catalog import repositories_of, tags_of
from projects.registry.delete import delete_tag
from projects.services import forget_project
from projects.token_service import writers


def delete_project(*, project: Project, user: User) -> None:
    """Remove all tags of the project in the registry, then the project with all its rows.

    Anyone who makes a project of the same name later must not find the old one's images in it.

    :raises ApplicationError: ``tag_protected``: one of its tags is; ``registry_busy``: garbage is collected.
    :raises OciError: the registry is away or refuses.

    Whatever it raises, the project stays, without the tags removed so far.
    """
    _refuse_protected(project)
    writers.refuse_while_held()
    with asking_ours():
        for repository in repositories_of(project):
            for tag in tags_of(repository):
                # It may take minutes, and a collection that is asked for in between waits for no one here.
                writers.refuse_while_held()
                delete_tag(repository=repository, tag=tag)
    forget_project(project=project, user=user)


def _refuse_protected(project: Project) -> None:
    protects = protection.patterns_of(project)
    for repository, tag in Image.objects.filter(project=project).values_list("repository", "tag").iterator():
        if pattern := protects(repository, tag):
            raise protection.refusal(f"{repository}:{tag}", pattern)
