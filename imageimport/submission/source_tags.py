"""The tags of a source repository: those nearest to a wanted one, and those that begin like what is being typed. Asked
while a person waits, so bounded in time."""

from __future__ import annotations

import difflib
import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from imageimport.registries import clients
from imageimport.registries.source_credentials import open_source
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from oci.errors import OciError
from oci.reference.parser import valid_tag
from oci.registry.listing import TagFacts
from oci.registry.options import ClientOptions
from oci.registry.retry import RetryBudget, RetryPolicy
from oci.registry.source import Source
from projects import places
from projects.models import Project
from projects.registry import client as own_registry

#: All pages together, seconds; half of what a plan may take.
MAX_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 3.0
#: Tags that are compared; of a longer list the rest is not read.
MAX_READ: Final = 5000
MAX_SHOWN: Final = 12
#: Of those that one may choose from while typing.
MAX_OFFERED: Final = 50
#: Of so many of these a digest is asked for, all together for at most so many seconds.
MAX_LOOKED: Final = 8
LOOK_SECONDS: Final = 3.0
#: A list that was read is good for this long, seconds.
HOLDS: Final = 60
_NUMBER: Final = re.compile(r"[0-9]+|[^0-9]+")
#: The most similar ones by a quick measure, which are then compared well.
_SHORTLIST: Final = 100


@dataclass(frozen=True, slots=True)
class Tags:
    """``nearest`` first the most similar ones; ``problem`` is a sentence in the reader's language, ``retry_after`` the
    seconds until it is worth asking again.
    """

    nearest: tuple[str, ...] = ()
    read: int = 0
    problem: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """``truncated``: there are more, or may be. ``target_name``: what the image would be called here.

    :param facts: digest and date of those tags of which they cost little.
    """

    tags: tuple[str, ...] = ()
    truncated: bool = False
    target_name: str = ""
    facts: Mapping[str, TagFacts] = field(default_factory=dict)


def nearest_tags(*, project: Project, user: User | None, request: ImportRequest) -> Tags:
    """Read the repository's list of tags with the rights and credentials of the request; write nothing.

    :raises FieldErrors: as :func:`imageimport.submission.services.submit`.
    :raises ApplicationError: ``throttled``, too much is asked at once.
    :raises OciError: the list can't be read, ``not_found`` where it is empty, ``timeout`` after :data:`MAX_SECONDS`.
    """
    prepared = prepare(project=project, user=user, request=request)
    found = _listed(prepared, user).tags
    if not found:
        raise OciError(
            "not_found",
            gettext_noop("%(host)s lists no tags for %(repository)s. Check the image name."),
            host=prepared.source.registry,
            repository=prepared.source.repository,
        )
    return Tags(nearest(prepared.source.default_target_tag, found), len(found))


def offered_tags(
    *,
    project: Project,
    user: User | None,
    request: ImportRequest,
    search: str = "",
    with_facts: bool = False,
) -> Offered:
    """Tags to choose from while one types, the highest versions first; those that begin with ``search`` before others
    that have it in them. What was read a moment ago is not asked for again.

    :param with_facts: ask for the digests of the first ones, where the list does not tell them: no request counts as a
        pull, and where there is no answer there is no digest.
    :raises FieldErrors: as :func:`nearest_tags`, and what else it raises, but no tag at all is no fault here.
    """
    prepared = prepare(project=project, user=user, request=request)
    found = listed_tags(prepared, user)
    wanted = search.strip().casefold()
    fitting = sorted((tag for tag in found.tags if wanted in tag.casefold()), key=_by_version, reverse=True)
    fitting.sort(key=lambda tag: not tag.casefold().startswith(wanted))
    if with_facts and not prepared.source.is_chart:
        unknown = [tag for tag in fitting[:MAX_LOOKED] if tag not in found.facts]
        if unknown:
            found = found._replace(facts={**found.facts, **_looked(prepared, user, unknown)})
            _keep(prepared, user, found)
    more = len(fitting) > MAX_OFFERED or found.cut
    return Offered(tuple(fitting[:MAX_OFFERED]), more, prepared.task.target_name, found.facts)


class Listed(NamedTuple):
    """Tags that a source names, without what is none; ``cut``: of its list not all was read.

    :param facts: of those of which something was told or asked for.
    :param until: good until then, seconds since 1970.
    """

    tags: list[str]
    cut: bool
    facts: Mapping[str, TagFacts]
    until: float


def known_tags(prepared: ValidatedImport, user: User | None) -> Listed | None:
    """What was read a moment ago by the same rights."""
    key = key_of(prepared, user)
    return cache.get(key) if key else None


def listed_tags(prepared: ValidatedImport, user: User | None) -> Listed:
    """What was read a moment ago, or is read now.

    :raises ApplicationError: ``throttled``.
    :raises OciError: the list can't be read.
    """
    found = known_tags(prepared, user)
    if found is None:
        found = _listed(prepared, user)
        _keep(prepared, user, found)
    return found


def _keep(prepared: ValidatedImport, user: User | None, found: Listed) -> None:
    key = key_of(prepared, user)
    if key:
        cache.set(key, found, max(found.until - time.time(), 1))


def _listed(prepared: ValidatedImport, user: User | None) -> Listed:
    facts: dict[str, TagFacts] = {}
    with opened(prepared, user, MAX_SECONDS) as source:
        source.ping()
        names = list(islice(source.list_tags(facts), MAX_READ))
    tags = [name for name in names if valid_tag(name)]
    listed_facts = {tag: facts[tag] for tag in tags if tag in facts}
    return Listed(tags, len(names) == MAX_READ, listed_facts, time.time() + HOLDS)


def _looked(prepared: ValidatedImport, user: User | None, tags: Sequence[str]) -> dict[str, TagFacts]:
    """Digests of some tags, all asked for at once. Those stay empty for which no answer comes soon: the tags alone are
    worth something."""
    found = dict.fromkeys(tags, TagFacts())

    def look(tag: str) -> None:
        head = source.head_manifest(tag)
        if head is not None:
            found[tag] = TagFacts(head.digest or "", head.modified_at)

    with (
        suppress(OciError, ApplicationError),
        opened(prepared, user, LOOK_SECONDS) as source,
        ThreadPoolExecutor(len(tags)) as threads,
    ):
        list(threads.map(look, tags))
    return found


@contextmanager
def opened(prepared: ValidatedImport, user: User | None, seconds: float) -> Iterator[Source]:
    """The source by the rights of the request, for ``seconds`` in all.

    :raises ApplicationError: ``throttled``.
    :raises OciError: ``timeout``, and why the credentials can't be used.
    """
    with (
        places.asking_others(user, seconds=seconds) as cancel,
        open_source(prepared.task) as (reference, credential),
    ):
        options = ClientOptions(cancel=cancel, retries=RetryPolicy(budget=RetryBudget(seconds=RETRY_SECONDS)))
        source = clients.source_client(reference, user=user, credential=credential, options=options)
        try:
            yield source
        finally:
            source.close()


def key_of(prepared: ValidatedImport, user: User | None) -> str:
    """The cache's key of the list as this person sees it in this project with this saved credential; empty where it is
    read each time: with a password for once, and at the portal's own registry, where rights may change from one moment
    to the next.
    """
    task = prepared.task
    own = {own_registry.own_host(), settings.REGISTRY_PUBLIC_HOST}
    if task.password or user is None or prepared.source.registry in own:
        return ""
    whole = (
        user.pk,
        task.project_id,
        task.credential_id,
        prepared.source.name,
    )
    return "source-listed:" + hashlib.sha256(repr(whole).encode()).hexdigest()


def _by_version(tag: str) -> list[tuple[int, int, str]]:
    """Numbers in a tag count as numbers: 1.10 comes after 1.9. A number goes before letters: 1.9 is above 1.9-alpine.

    :return: for comparisons with other tags.
    """
    parts = _NUMBER.findall(tag)
    return [(1, int(part), "") if part[0] in "0123456789" else (0, 0, part) for part in parts] + [(1, -1, "")]


def nearest(wanted: str, tags: list[str]) -> tuple[str, ...]:
    """The most similar of ``tags``; among equals the order of the list from its end, where newer ones tend to be."""
    matcher = difflib.SequenceMatcher(a="", b=wanted, autojunk=False)

    def roughly(tag: str) -> float:
        matcher.set_seq1(tag)
        return matcher.quick_ratio()

    def well(tag: str) -> float:
        matcher.set_seq1(tag)
        return matcher.ratio()

    newest_first = tags[::-1]
    likely = sorted(newest_first, key=roughly, reverse=True)[:_SHORTLIST]
    return tuple(sorted(likely, key=well, reverse=True)[:MAX_SHOWN])
