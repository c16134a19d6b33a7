"""What of a registry's content is reached: from its tags, from what is held, and from what is too young to judge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from oci.copy.referrers import is_attached, subject_of_tag
from oci.limits import MANIFEST_BYTES
from oci.spec.digest import is_digest
from projects.retention.storage import Storage

#: Registries take sha384 for layers, too.
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class Keeping:
    """What stays besides what tags name.

    :param held: of a repository: digests that someone holds.
    :param young_since: of a repository: manifests that no tag names stay when they are there since then (Unix
        seconds): a build may be about to name them.
    :param let_go: of a repository: digests that people gave up, and when (Unix seconds); these and what is below them
        go, however young, unless they were pushed again since then.
    :param blobs: digests that no manifest names yet.
    :param listed: repositories and digests that tags are known to name: who does not see them in the files sees other
        files, or not all of them.
    """

    held: Callable[[str], Iterable[str]]
    young_since: Callable[[str], float]
    let_go: Callable[[str], Mapping[str, float]]
    blobs: Iterable[str] = ()
    listed: Iterable[tuple[str, str]] = ()


class NotSeen(Exception):
    """The files lack an image that is known to be there. Says which one."""


@dataclass(slots=True)
class Marked:
    """What is reached, and what is not."""

    blobs: set[str] = field(default_factory=set)
    revisions: dict[str, set[str]] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)
    garbage_tags: list[tuple[str, str]] = field(default_factory=list)
    garbage: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Names:
    """What one manifest names."""

    manifests: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    subject: str = ""


def mark(storage: Storage, keeping: Keeping, alive: Callable[[], None]) -> Marked:
    """Look at all of it.

    :param alive: called again and again; what it raises ends the look.
    :raises NotSeen:
    :raises projects.retention.storage.Unreadable: then nothing can be said of any of it.
    """
    marked = Marked(blobs=set(keeping.blobs))
    for repository in storage.repositories():
        alive()
        _Repository(storage, repository, keeping, alive).mark(marked)
    for repository, digest in keeping.listed:
        if digest not in marked.revisions.get(repository, ()):
            raise NotSeen(f"{repository}@{digest}")
    for repository in marked.revisions:
        alive()
        for name, target in storage.aliases(repository):
            # A name that is in no manifest that we can read may be in one all the same.
            if name in marked.blobs or not is_digest(name):
                marked.blobs.add(target)
    return marked


class _Repository:
    """One repository's manifests."""

    def __init__(self, storage: Storage, name: str, keeping: Keeping, alive: Callable[[], None]) -> None:
        self._storage, self._name, self._keeping, self._alive = storage, name, keeping, alive
        self._revisions = storage.revisions(name)
        self._tags = storage.tags(name)
        self._known: dict[str, _Names] = {}
        self._reached: set[str] = set()

    def mark(self, marked: Marked) -> None:
        attached = {tag: digest for tag, digest in self._tags.items() if is_attached(tag, digest)}
        self._reach(digest for tag, digest in self._tags.items() if tag not in attached)
        self._reach(self._keeping.held(self._name))
        self._reach(self._too_young())
        self._reach(self._replaced_lately())
        dead = self._reach_attached(attached)
        marked.revisions[self._name] = self._reached
        marked.tags[self._name] = set(self._tags) - dead
        for digest in self._reached:
            marked.blobs.add(digest)
            marked.blobs.update(self._names(digest).blobs)
        marked.garbage_tags += [(self._name, tag) for tag in dead]
        gone = [digest for digest in self._revisions if digest not in self._reached]
        marked.garbage += [(self._name, digest) for digest in gone]

    def _reach(self, digests: Iterable[str]) -> None:
        ahead = [digest for digest in digests if digest not in self._reached]
        while ahead:
            digest = ahead.pop()
            if digest not in self._reached:
                self._reached.add(digest)
                ahead += self._names(digest).manifests

    def _too_young(self) -> Iterator[str]:
        since = self._keeping.young_since(self._name)
        given_up = self._below(self._keeping.let_go(self._name))
        for digest, at in self._revisions.items():
            if at >= since and at > given_up.get(digest, 0.0):
                yield digest

    def _replaced_lately(self) -> Iterator[str]:
        """What tags named before: one can go back to it for as long as what is young stays."""
        since = self._keeping.young_since(self._name)
        for tag in self._tags:
            self._alive()
            named = self._storage.named(self._name, tag)
            yield from (digest for (_set, digest), (at, _next) in pairwise(named) if at >= since)

    def _below(self, given_up: Mapping[str, float]) -> dict[str, float]:
        """When the digests and all that is below them were given up last."""
        found: dict[str, float] = {}
        ahead = sorted(given_up.items(), key=lambda each: each[1])
        while ahead:  # what was given up last comes first
            digest, at = ahead.pop()
            if digest not in found:
                found[digest] = at
                ahead += ((below, at) for below in self._names(digest).manifests)
        return found

    def _reach_attached(self, attached: Mapping[str, str]) -> set[str]:
        """Signatures and the like stay with what they are attached to. Returns the tags of those that go."""
        left = dict(attached)
        while True:
            before = len(self._reached)
            for tag, digest in list(left.items()):
                # Attached to what was never here: someone keeps signatures apart.
                if (subject := subject_of_tag(tag)) in self._reached or subject not in self._revisions:
                    self._reach([digest])
                    del left[tag]
            self._reach(digest for digest in self._revisions if self._names(digest).subject in self._reached)
            if len(self._reached) == before:
                return set(left)

    def _names(self, digest: str) -> _Names:
        if digest not in self._known:
            self._alive()
            body = self._storage.content(digest, MANIFEST_BYTES + 1)
            self._known[digest] = _Names() if body is None else _read(body)
        return self._known[digest]


def _read(body: bytes) -> _Names:
    """What a manifest of any kind names; of one that can't be read, everything that looks like a digest."""
    try:
        given = json.loads(body)
        if not isinstance(given, dict):
            raise TypeError
        manifests = tuple(_digests(given.get("manifests")))
        blobs = (
            *_digests([given.get("config")]),
            *_digests(given.get("layers")),
            *_digests(given.get("blobs")),
            *_digests(given.get("fsLayers"), "blobSum"),
        )
        return _Names(manifests, blobs, next(_digests([given.get("subject")]), ""))
    except (ValueError, TypeError, LookupError, RecursionError):
        found = tuple(_DIGEST.findall(body.decode("utf-8", "replace")))
        return _Names(found, found)


def _digests(given: Any, key: str = "digest") -> Iterator[str]:
    if given is None:
        return
    if not isinstance(given, list):
        raise TypeError
    for each in given:
        if each is None:
            continue
        digest = each[key]
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise TypeError
        yield digest
