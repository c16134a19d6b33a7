"""Finding what one may see, wherever it is: projects, repositories, tags, imports, and pages of the site."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from imageimport.models import ImportTask
from imageimport.search import search as search_imports
from projects.models import Image, Project, Role
from projects.permissions import reaches
from projects.search.query import passing
from projects.selectors import own_projects, search_images, visible_projects

#: Hits of each kind; a longer text narrows them.
MAX_OF_A_KIND: Final = 6
#: Repositories are looked for among this many of the newest matching tags.
LOOKED_AT: Final = 200
#: Projects whose pages are found by the pages' names.
MAX_PROJECTS: Final = 50
#: Characters that are looked at.
MAX_CHARS: Final = 200

_V, _D, _M = Role.VIEWER, Role.DEVELOPER, Role.MAINTAINER
#: Pages of a project: the name of the address, its section, the least role, what it is called.
_OF_PROJECT: Final = (
    ("project", "", _V, gettext_noop("Images")),
    ("repositories", "", _V, gettext_noop("Repositories")),
    ("imports", "", _V, gettext_noop("Import history")),
    ("import-new", "", _D, gettext_noop("Import image")),
    ("import-files", "", _D, gettext_noop("Import file")),
    ("batches", "", _V, gettext_noop("Batches")),
    ("schedules", "", _V, gettext_noop("Scheduled syncs")),
    ("requests", "", _V, gettext_noop("Requests")),
    ("rules", "", _M, gettext_noop("Rules")),
    ("workloads", "", _V, gettext_noop("Workloads")),
    ("bundles", "", _V, gettext_noop("Bundles")),
    ("usage", "", _V, gettext_noop("Usage")),
    ("trash", "", _V, gettext_noop("Trash")),
    ("settings", "members", _V, gettext_noop("Members")),
    ("settings", "credentials", _M, gettext_noop("Credentials")),
    ("settings", "webhooks", _M, gettext_noop("Webhooks")),
    ("settings", "robots", _M, gettext_noop("Robot accounts")),
    ("settings", "", _M, gettext_noop("Settings")),
    ("clean-up", "", _M, gettext_noop("Clean-up")),
    ("audit", "", _M, gettext_noop("Audit log")),
)
#: Pages of everyone, and of those who run the installation.
_OF_EVERYONE: Final = (
    ("home", gettext_noop("Overview")),
    ("projects", gettext_noop("Projects")),
    ("project-new", gettext_noop("New project")),
    ("account", gettext_noop("Account and API tokens")),
    ("api-docs", gettext_noop("API documentation")),
)
_OF_OPERATORS: Final = (
    ("status", gettext_noop("Status")),
    ("sources", gettext_noop("Sources")),
    ("scanners", gettext_noop("Scanners")),
    ("installation-rules", gettext_noop("Rules")),
    ("trust", gettext_noop("Trusted signers")),
    ("maintenance", gettext_noop("Maintenance")),
    ("admin:index", gettext_noop("Administration")),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A page of the site: its address and name, and the project that it is of, if it is of one."""

    url: str
    name: str
    project: str = ""


class FoundRepository(NamedTuple):
    """Names of a project and of a repository in it."""

    project: str
    repository: str


@dataclass(frozen=True, slots=True)
class SearchResults:
    """At most :data:`MAX_OF_A_KIND` of each kind: projects by name, pages in their order, of the others what was
    changed last first."""

    projects: list[Project] = field(default_factory=list)
    repositories: list[FoundRepository] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    imports: list[ImportTask] = field(default_factory=list)
    pages: list[Hit] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.projects, self.repositories, self.images, self.imports, self.pages))


def cleaned(text: str) -> str:
    """What is looked for, of what was typed."""
    return text.replace("\x00", "").strip()[:MAX_CHARS]


def find(user: Any, text: str) -> SearchResults:
    """Everything that has ``text`` in its name and that ``user`` may see; nothing for an empty text."""
    wanted = cleaned(text)
    if not wanted:
        return SearchResults()
    projects = visible_projects(user).filter(Q(name__icontains=wanted) | Q(description__icontains=wanted))
    seen = None if user.is_superuser else list(visible_projects(user).values_list("pk", flat=True))
    images = _in_projects(seen, Image.objects.select_related("project"))
    named = search_images(images, wanted, projects=seen)
    imports = _in_projects(seen, ImportTask.objects.for_lists().select_related("project").newest_first())
    return SearchResults(
        projects=list(projects.order_by("name")[:MAX_OF_A_KIND]),
        repositories=_repositories(named, wanted),
        images=list(named.order_by("-updated_at", "-id")[:MAX_OF_A_KIND]),
        imports=list(search_imports(imports, wanted, projects=seen)[:MAX_OF_A_KIND]),
        pages=pages(user, wanted),
    )


def pages(user: Any, text: str) -> list[Hit]:
    """Pages whose name, with that of their project, has every word of ``text``."""
    words = text.casefold().split()
    found = []
    for hit in _all_pages(user):
        whole = f"{hit.name} {hit.project}".casefold()
        if all(word in whole for word in words):
            found.append(hit)
        if len(found) == MAX_OF_A_KIND:
            break
    return found


def _in_projects(projects: Collection[UUID] | None, rows: Any) -> Any:
    """Rows of these projects; None: of all."""
    return rows if projects is None else passing(rows, "project", projects)


def _repositories(named: QuerySet[Image], text: str) -> list[FoundRepository]:
    """The repositories with the text in their names, those written last first.

    :param named: the tags that have it there or in the tag.
    """
    found = named.filter(repository__icontains=text).order_by("-updated_at", "-id")
    newest = found.values_list("project__name", "repository")
    return [FoundRepository(*row) for row in list(dict.fromkeys(newest[:LOOKED_AT]))[:MAX_OF_A_KIND]]


def _all_pages(user: Any) -> Iterator[Hit]:
    yield from _named(_OF_EVERYONE)
    if user.is_superuser:
        yield from _named(_OF_OPERATORS)
    for project in own_projects(user).order_by("name")[:MAX_PROJECTS]:
        role = Role(project.role)
        for address, section, least, name in _OF_PROJECT:
            if reaches(role, least):
                url = reverse(address, args=[project.name])
                yield Hit(f"{url}#{section}" if section else url, _(name), project.name)


def _named(rows: Iterable[tuple[str, str]]) -> Iterator[Hit]:
    for address, name in rows:
        yield Hit(reverse(address), _(name))
