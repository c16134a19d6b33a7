"""Where in a project content is that an archive left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing

from imageimport.models import BlobOrigin
from oci.cancel import CancelToken
from oci.registry.options import ClientOptions
from oci.registry.repository import Repository
from projects.models import Image, Project
from projects.registry import client

#: Digests that one query asks for.
_AT_ONCE = 500


def find(
    project: Project, likely: Mapping[str, Collection[str]], *, cancel: CancelToken | None = None
) -> dict[str, str]:
    """Repositories (``<project>/<name>``) that have each blob, as the registry says now; what is nowhere is left out.

    Each question is a round trip, and all repositories may have to be asked: they end with ``cancel``.

    :param likely: names to look at first, with the digests that each of them may have; all that are wanted.
    :param cancel: stops the questions.
    :raises OciError: the registry is away; as the token says.
    """
    digests = {digest for wanted in likely.values() for digest in wanted}
    found: dict[str, str] = {}
    access: dict[str, str] = {}
    options = ClientOptions(cancel=cancel or CancelToken())
    with closing(client.target_client(access=access, options=options)) as opened:

        def look(repository: str, wanted: Collection[str]) -> None:
            access[repository] = client.PULL
            there = Repository(opened, repository)
            for digest in wanted:
                if digest not in found and there.head_blob(digest) is not None:
                    found[digest] = repository

        for name, wanted in likely.items():
            look(f"{project.name}/{name}", wanted)
        for repository, brought in _brought(project, digests - found.keys()).items():
            look(repository, brought)
        for name in _names(project):
            left = digests - found.keys()
            if not left:
                break
            look(f"{project.name}/{name}", left)
    return found


def held(project: Project, digests: Collection[str]) -> set[str]:
    """Which of them the portal once brought into the project: quick, and without asking the registry."""
    return {digest for brought in _brought(project, digests).values() for digest in brought}


def _brought(project: Project, digests: Collection[str]) -> dict[str, set[str]]:
    """By repository. What an earlier project of the same name held is not this one's."""
    wanted, found = sorted(digests), dict[str, set[str]]()
    for start in range(0, len(wanted), _AT_ONCE):
        rows = BlobOrigin.objects.filter(
            digest__in=wanted[start : start + _AT_ONCE],
            repository__startswith=f"{project.name}/",
            created_at__gte=project.created_at,
        )
        for repository, digest in rows.order_by().values_list("repository", "digest"):
            found.setdefault(repository, set()).add(digest)
    return found


def _names(project: Project) -> list[str]:
    names = Image.objects.filter(project=project).order_by("repository")
    return list(names.values_list("repository", flat=True).distinct())
