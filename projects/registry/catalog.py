"""What the private registry says that it holds."""

from __future__ import annotations

from oci.errors import OciError
from oci.registry.faults import RegistryError
from oci.registry.repository import Repository
from projects.models import Image, Project
from projects.registry.client import PULL, opened, opened_repository


def catalog() -> list[str] | None:
    """Every repository; None where the registry keeps that to itself.

    :raises OciError: it is away.
    """
    with opened(catalog=True) as client:
        try:
            return list(client.catalog())
        except OciError as exc:
            if exc.retryable:
                raise
            return None


def tags_of(repository: str) -> list[str]:
    """The tags of ``<project>/<name>``; none where the registry does not know it.

    :raises OciError: it is away or refuses.
    """
    with opened_repository(repository, PULL) as there:
        return list_tags(there)


def list_tags(repository: Repository) -> list[str]:
    """As :func:`tags_of`, of a repository that is open already."""
    try:
        return list(repository.list_tags())
    except RegistryError as exc:
        if exc.status == 404:
            return []
        raise


def repositories_of(project: Project) -> list[str]:
    """The project's repositories, by the index and by the registry.

    :raises OciError: the registry is away.
    """
    prefix = f"{project.name}/"
    known = Image.objects.filter(project=project).values_list("repository", flat=True).distinct()
    found = {prefix + name for name in known}
    return sorted(found | {name for name in catalog() or () if name.startswith(prefix)})
