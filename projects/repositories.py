"""A project's repositories: what people think in, while the registry only knows tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Max, QuerySet, Sum, Value, When

from projects.models import Image, Project

#: What a list may be ordered by, each also falling; ``syncs``: by how many there are.
ORDERS: Final = ("repository", "tags", "size", "updated_at", "pull_count", "syncs")


@dataclass(frozen=True, slots=True)
class Sync:
    """A scheduled sync that keeps a repository up to date. ``image_url``: its source as it was typed."""

    id: UUID
    image_url: str
    cron: str


#: Each finds the syncs of a project that are switched on, by the repository that they write to.
sync_finders: Final[list[Callable[[Project], Mapping[str, Sequence[Sync]]]]] = []


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository. ``size``: the sum of its tags' sizes, bytes; ``newest_tag``: the one that was set last;
    ``syncs``: what keeps it up to date."""

    repository: str
    tags: int
    size: int
    newest_tag: str
    updated_at: datetime
    pull_count: int
    syncs: Sequence[Sync] = ()


class Repositories(Sequence[Repository]):
    """The repositories of a project, read page by page.

    :param search: a part of the name.
    :param ordering: of :data:`ORDERS`, falling with a minus.
    """

    def __init__(self, project: Project, *, search: str = "", ordering: str = "repository") -> None:
        self._project = project
        self._images = Image.objects.filter(project=project)
        if search:
            self._images = self._images.filter(repository__icontains=search.replace("\x00", ""))
        self._ordering = ordering
        self._count: int | None = None

    def __len__(self) -> int:
        if self._count is None:
            self._count = self._images.values("repository").distinct().count()
        return self._count

    def __getitem__(self, place: Any) -> Any:
        """The repositories of one page.

        :param place: a slice; one place alone is nothing that anyone asks for.
        """
        syncs = self._syncs()
        rows = list(self._grouped(syncs)[place])
        newest = self._newest({row["repository"]: row["last"] for row in rows})
        return [
            Repository(
                row["repository"],
                row["tags"],
                row["bytes"] or 0,
                newest.get(row["repository"], ""),
                row["last"],
                row["pulls"] or 0,
                syncs.get(row["repository"], ()),
            )
            for row in rows
        ]

    def _syncs(self) -> dict[str, list[Sync]]:
        found: defaultdict[str, list[Sync]] = defaultdict(list)
        for find in sync_finders:
            for repository, syncs in find(self._project).items():
                found[repository].extend(syncs)
        return found

    def _grouped(self, syncs: Mapping[str, Sequence[Sync]]) -> QuerySet[Image, dict[str, Any]]:
        columns = {
            "tags": "tags",
            "size": "bytes",
            "updated_at": "last",
            "pull_count": "pulls",
            "syncs": "syncs",
        }
        name = self._ordering.removeprefix("-")
        sign = "-" if self._ordering.startswith("-") else ""
        order = [f"{sign}{columns[name]}", "repository"] if name in columns else [f"{sign}repository"]
        sums = {"bytes": Sum("size"), "last": Max("updated_at"), "pulls": Sum("pull_count")}
        if name == "syncs":
            sums["syncs"] = _counted(syncs)
        grouped = self._images.order_by().values("repository")
        return grouped.annotate(tags=Count("pk"), **sums).order_by(*order)

    def _newest(self, lasts: Mapping[str, datetime]) -> dict[str, str]:
        """The tag of each that was set last: the first of its index.

        :param lasts: when that was, by repository.
        """
        rows = self._images.filter(repository__in=lasts, updated_at__in=set(lasts.values()))
        found: dict[str, str] = {}
        for repository, tag in rows.order_by("repository", "-updated_at", "-id").values_list(
            "repository", "tag"
        ):
            found.setdefault(repository, tag)
        return found


def _counted(syncs: Mapping[str, Sequence[Sync]]) -> Max:
    """How many syncs a repository has, for an order: the database knows no schedule's target."""
    by_count: defaultdict[int, list[str]] = defaultdict(list)
    for repository, found in syncs.items():
        by_count[len(found)].append(repository)
    cases = [When(repository__in=names, then=Value(count)) for count, names in by_count.items()]
    return Max(Case(*cases, default=Value(0), output_field=IntegerField()))
