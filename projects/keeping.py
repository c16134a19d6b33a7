"""What of a project's content must stay in the registry although no tag names it, and why.

Capabilities that stand on content (bundles, clusters) register a keeper. Whatever takes content away asks here first:
the token service before it grants ``delete``, clean-up and collection before they choose.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from projects.models import Project


@dataclass(frozen=True, slots=True)
class Hold:
    """One digest that stays.

    :param repository: inside the project, where it is held; empty: wherever the project has it.
    :param reason: a sentence template for people, marked for translation, with its ``params``.
    """

    digest: str
    repository: str
    reason: str
    params: Mapping[str, str] = field(default_factory=dict)


#: The holds of one project; ``digests`` narrows them to these, None means all. May be asked for at any time.
Keeper = Callable[[Project, Collection[str] | None], Iterator[Hold]]

#: Keepers whose holds are about a tag and not about its digest: another tag of that digest may go.
OF_TAGS: Final = frozenset({"protected tags", "trash"})
_keepers: Final[dict[str, Keeper]] = {}


def register(name: str, keeper: Keeper) -> None:
    """Ask this keeper too; one of the same name is replaced."""
    _keepers[name] = keeper


def unregister(name: str) -> None:
    """Ask this keeper no longer."""
    _keepers.pop(name, None)


def holds(
    project: Project, digests: Collection[str] | None = None, *, without: Collection[str] = ()
) -> Iterator[Hold]:
    """Everything that is held in a project: manifests, and blobs where a keeper names them. What a held manifest names
    stays with it.

    :param without: names of keepers that are not asked.
    """
    for name, keeper in _keepers.items():
        if name not in without:
            yield from keeper(project, digests)


def held_in(project: Project, repository: str) -> Hold | None:
    """The first hold in a repository (its name inside the project); None where nothing is held."""
    return next((each for each in holds(project) if each.repository in ("", repository)), None)
