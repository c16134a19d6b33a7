"""Which of a project's images stands for a reference that a manifest or a cluster names.

An image counts as here by its source, under whatever name the project has it; a reference with a digest also by that
digest, of an index or of one of its children.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.db.models import Q

from oci.errors import OciError
from oci.reference.parser import Reference, parse_reference
from projects.models import Image, Project

#: Values in one question to the database.
CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Held:
    """A tag of the project, as far as references are concerned.

    :ivar digests: what the tag names, and its children.
    :ivar source: the repository that it came from, with its registry; empty where it was pushed.
    """

    repository: str
    tag: str
    digest: str
    digests: frozenset[str]
    source: str = ""
    source_tag: str = ""

    @property
    def target(self) -> str:
        """As ``name:tag`` inside the project."""
        return f"{self.repository}:{self.tag}"


@dataclass(slots=True)
class Matches:
    """Tags of one project by what references ask for."""

    project: Project
    by_source: dict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))
    by_digest: dict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))
    by_name: dict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))

    def of(self, reference: Reference) -> Held | None:
        """The tag that stands for ``reference``; with a digest only one that has it."""
        if is_ours(reference):
            name = own_name(self.project, reference)
            found = self.by_name.get(f"{name}:{reference.tag}", []) if name else []
            if reference.digest and name:
                found = [each for each in self.by_digest.get(reference.digest, []) if each.repository == name]
            return next(iter(found), None)
        if reference.digest:
            same = self.by_digest.get(reference.digest, [])
            source = reference.name
            return _best([each for each in same if each.source == source] or same, reference)
        return _best(self.by_source.get(str(reference), []), reference)

    def by_tag(self, reference: Reference) -> Held | None:
        """What the reference's tag stands for here, whatever digest was asked for."""
        if reference.tag is None:
            return None
        return self.of(reference.with_tag(reference.tag))


def is_ours(reference: Reference) -> bool:
    """Whether the reference names this portal's registry."""
    return reference.registry.lower() == settings.REGISTRY_PUBLIC_HOST.lower()


def own_name(project: Project, reference: Reference) -> str:
    """The name inside the project that a reference to our own registry has; empty where it is of another project."""
    project_name, _, name = reference.repository.partition("/")
    return name if project_name == project.name else ""


def parsed(image: str) -> Reference | None:
    """The reference; None where it has a variable in it or is none."""
    try:
        return parse_reference(image)
    except OciError:
        return None


def find(project: Project, references: Collection[Reference]) -> Matches:
    """The project's tags that stand for these references, with a number of questions that depends on nothing but how
    many references there are (:data:`CHUNK` at once).
    """
    matches = Matches(project)
    seen: set[str] = set()
    for held in _candidates(project, references):
        if held.target in seen:
            continue
        seen.add(held.target)
        matches.by_name[held.target].append(held)
        if held.source and held.source_tag:
            matches.by_source[f"{held.source}:{held.source_tag}"].append(held)
        for digest in held.digests:
            matches.by_digest[digest].append(held)
    return matches


def _candidates(project: Project, references: Collection[Reference]) -> Iterator[Held]:
    ours = {own_name(project, each) for each in references if is_ours(each)} - {""}
    foreign = [each for each in references if not is_ours(each)]
    digests = {each.digest for each in references if each.digest}
    sources = {f"{each.name}:{each.tag}" for each in foreign if each.tag}
    tags = {each.tag for each in foreign if each.tag}
    names = ours | {name for each in foreign for name in _usual_names(each)}
    yield from _rows(project, digests, lambda some: Q(digest__in=some))
    yield from _rows(project, sources, lambda some: Q(source_image__in=some))
    # Pinned where it was imported: the source has a digest behind the tag.
    yield from _rows(project, tags, lambda some: Q(tag__in=some, source_image__contains="@"))
    yield from _rows(project, names, lambda some: Q(repository__in=some))
    # By a child's digest alone, and kept under a name of someone's choice.
    untagged = {each.name for each in foreign if not each.tag}
    yield from _rows(project, untagged, _any_tag_of)


def _any_tag_of(repositories: Sequence[str]) -> Q:
    found = Q()
    for repository in repositories:
        found |= Q(source_image__startswith=f"{repository}:") | Q(source_image__startswith=f"{repository}@")
    return found


def _rows(project: Project, values: Iterable[str], where: Callable[[Sequence[str]], Q]) -> Iterator[Held]:
    ordered = sorted(values)
    for start in range(0, len(ordered), CHUNK):
        some = ordered[start : start + CHUNK]
        rows = Image.objects.filter(where(some), project=project).values_list(
            "repository", "tag", "digest", "children", "source_image"
        )
        for repository, tag, digest, children, source_image in rows:
            source = parsed(source_image) if source_image else None
            yield Held(
                repository,
                tag,
                digest,
                frozenset({digest, *(child.get("digest", "") for child in children)}) - {""},
                source.name if source else "",
                (source.tag or "") if source else "",
            )


def _usual_names(reference: Reference) -> tuple[str, str]:
    return reference.default_target_name, reference.full_target_name


def _best(found: Sequence[Held], reference: Reference) -> Held | None:
    """The one of several that has the full name, then the one whose tag is the source's."""
    full = reference.full_target_name
    order = sorted(
        found,
        key=lambda each: (each.repository != full, each.tag != reference.tag, each.repository, each.tag),
    )
    return next(iter(order), None)
