"""A project's repositories: what people think in, while the registry only knows tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Max, QuerySet, Sum

from projects.models import Image, Project

#: What a list may be ordered by, each also falling.
ORDERS: Final = ("repository", "tags", "size", "updated_at", "pull_count")


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository. ``size``: the sum of its tags' sizes, bytes; ``newest_tag``: the one that was set last."""

    repository: str
    tags: int
    size: int
    newest_tag: str
    updated_at: datetime
    pull_count: int


class Repositories(Sequence[Repository]):
    """The repositories of a project, read page by page.

    :param search: a part of the name.
    :param ordering: of :data:`ORDERS`, falling with a minus.
    """

    def __init__(self, project: Project, *, search: str = "", ordering: str = "repository") -> None:
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
        rows = list(self._grouped()[place])
        newest = self._newest([row["repository"] for row in rows])
        return [
            Repository(
                row["repository"],
                row["tags"],
                row["bytes"] or 0,
                newest.get(row["repository"], ""),
                row["last"],
                row["pulls"] or 0,
            )
            for row in rows
        ]

    def _grouped(self) -> QuerySet[Image, dict[str, Any]]:
        columns = {"tags": "tags", "size": "bytes", "updated_at": "last", "pull_count": "pulls"}
        name = self._ordering.removeprefix("-")
        sign = "-" if self._ordering.startswith("-") else ""
        order = [f"{sign}{columns[name]}", "repository"] if name in columns else [f"{sign}repository"]
        grouped = self._images.order_by().values("repository")
        return grouped.annotate(
            tags=Count("pk"), bytes=Sum("size"), last=Max("updated_at"), pulls=Sum("pull_count")
        ).order_by(*order)

    def _newest(self, names: Sequence[str]) -> dict[str, str]:
        """The tag of each that was set last: the first of its index."""
        lasts = self._images.filter(repository__in=names).order_by().values("repository")
        moments = lasts.annotate(last=Max("updated_at")).values_list("last", flat=True)
        rows = self._images.filter(repository__in=names, updated_at__in=list(moments))
        found: dict[str, str] = {}
        for repository, tag in rows.order_by("repository", "-updated_at", "-id").values_list(
            "repository", "tag"
        ):
            found.setdefault(repository, tag)
        return found
