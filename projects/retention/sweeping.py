"""Taking out of a registry's files what nothing reaches, while people read.

What goes is moved aside first, where the registry does not see it, each part at once and as a whole. Then all is looked
at once more: what is reached by now comes back. Only then it is deleted. A collector that is killed in between leaves a
registry in which every tag is whole; the next one puts back what was not decided, or deletes what was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from projects.retention.marking import Keeping, Marked, mark
from projects.retention.storage import Storage


@dataclass(frozen=True, slots=True)
class Swept:
    """What went. ``bytes``: as ``du`` says."""

    bytes: int
    manifests: int
    blobs: int


@dataclass(frozen=True, slots=True)
class _Aside:
    """What was moved aside: repository and name of tags, manifests and layers; digests of blobs."""

    tags: list[tuple[str, str]]
    manifests: list[tuple[str, str]]
    layers: list[tuple[str, str]]
    blobs: list[str]


def collect(storage: Storage, keeping: Callable[[], Keeping], alive: Callable[[], None]) -> Swept:
    """Free what nothing reaches.

    :param keeping: what stays besides; asked for each look.
    :param alive: called again and again; what it raises ends the collection, and nothing is deleted.
    """
    before = storage.bytes_on_disk(alive)
    storage.put_all_back(alive)
    aside = _put_aside(storage, mark(storage, keeping(), alive), alive)
    # What comes back may be what something else is attached to, or be named by what came in between.
    while (left := _put_back(storage, aside, mark(storage, keeping(), alive), alive)) != aside:
        aside = left
    alive()
    storage.delete_aside(alive)
    after = storage.bytes_on_disk(alive)
    return Swept(max(0, before - after), manifests=len(aside.manifests), blobs=len(aside.blobs))


def _put_aside(storage: Storage, marked: Marked, alive: Callable[[], None]) -> _Aside:
    def goes(path: Path, is_reached: bool = False) -> bool:
        alive()
        return not is_reached and storage.put_aside(path)

    return _Aside(
        tags=[each for each in marked.garbage_tags if goes(storage.tag_path(*each))],
        manifests=[each for each in marked.garbage if goes(storage.revision_path(*each))],
        layers=[
            (repository, digest)
            for repository in marked.revisions
            for digest in list(storage.layers(repository))
            if goes(storage.layer_path(repository, digest), digest in marked.blobs)
        ],
        blobs=[each for each in storage.blobs() if goes(storage.blob_path(each), each in marked.blobs)],
    )


def _put_back(storage: Storage, aside: _Aside, now: Marked, alive: Callable[[], None]) -> _Aside:
    """Bring back what is reached by now: what is named first comes first. Returns what stays aside."""

    def stays(path: Path, is_reached: bool) -> bool:
        alive()
        return not (is_reached and storage.put_back(path))

    blobs = [each for each in aside.blobs if stays(storage.blob_path(each), each in now.blobs)]
    layers = [each for each in aside.layers if stays(storage.layer_path(*each), each[1] in now.blobs)]
    manifests = [
        each for each in aside.manifests if stays(storage.revision_path(*each), _has(now.revisions, each))
    ]
    tags = [each for each in aside.tags if stays(storage.tag_path(*each), _has(now.tags, each))]
    return _Aside(tags, manifests, layers, blobs)


def _has(found: Mapping[str, Set[str]], each: tuple[str, str]) -> bool:
    repository, name = each
    return name in found.get(repository, ())
