"""A registry's own files, as CNCF Distribution 2 and 3 lay them out on a disk (registry/storage/paths.go).

Read, and moved aside and back; nothing is deleted but what was moved aside before.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oci.spec.digest import is_digest

_TOP: Final = Path("docker/registry/v2")
#: Beside the registry's own folders, on the same file system: what is moved there is gone for the registry at once.
_ASIDE: Final = ".portal-collection"
#: What was moved aside and is decided to go.
_DOOMED: Final = ".portal-collection-doomed"
_TAKEN_OR_GONE: Final = frozenset({errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST})


class Unreadable(Exception):
    """The registry's files are not as it writes them: what can't be seen must not count as not there. Says where."""


@dataclass(frozen=True)
class Storage:
    """``root``: the registry's ``rootdirectory``. Paths are relative to it."""

    root: Path

    @property
    def is_here(self) -> bool:
        """Whether this process sees the files, and may change them."""
        return self.root.is_dir() and os.access(self.root, os.W_OK)

    def repositories(self) -> Iterator[str]:
        """Every repository, ``library/nginx``.

        :raises Unreadable: so does all that lists.
        """
        folder = self.root / _TOP / "repositories"
        if not folder.is_dir() and next(self.blobs(), None) is not None:
            raise Unreadable(folder)
        yield from _repositories(self.root / _TOP / "repositories", "")

    def tags(self, repository: str) -> dict[str, str]:
        """Tags and the digests that they name, those that are aside too."""
        found = {}
        for place in (self.root / _ASIDE, self.root):
            for tag in _names(place / self._manifests(repository) / "tags"):
                digest = _read(place / self.tag_path(repository, tag) / "current/link")
                if digest:
                    found[tag] = digest
        return found

    def named(self, repository: str, tag: str) -> list[tuple[float, str]]:
        """Since when (Unix seconds) a tag named which digests, oldest first. Removing the tag forgets them."""
        folder = self.root / self.tag_path(repository, tag) / "index"
        found = []
        for digest in _digests(folder):
            with suppress(FileNotFoundError):
                found.append(((folder / digest.replace(":", "/") / "link").stat().st_mtime, digest))
        return sorted(found)

    def revisions(self, repository: str) -> dict[str, float]:
        """Manifests of a repository, tagged or not, and since when each is there (Unix seconds); those that are aside
        too."""
        found = {}
        for place in (self.root / _ASIDE, self.root):
            for digest in _digests(place / self._manifests(repository) / "revisions"):
                with suppress(FileNotFoundError):
                    link = place / self.revision_path(repository, digest) / "link"
                    found[digest] = link.stat().st_mtime
        return found

    def layers(self, repository: str) -> Iterator[str]:
        """Blobs that may be read in a repository."""
        yield from _digests(self.root / _layers(repository))

    def aliases(self, repository: str) -> Iterator[tuple[str, str]]:
        """Names of blobs by other algorithms, and the digest by which each is kept: a registry keeps all by sha256.
        Those that are aside too."""
        for place in (self.root, self.root / _ASIDE):
            folder = place / _layers(repository)
            for algorithm in _names(folder):
                for name in _names(folder / algorithm) if algorithm != "sha256" else ():
                    if target := _read(folder / algorithm / name / "link"):
                        yield f"{algorithm}:{name}", target

    def blobs(self) -> Iterator[str]:
        """Every blob, those of manifests too."""
        for algorithm in _names(self.root / _TOP / "blobs"):
            for two in _names(self.root / _TOP / "blobs" / algorithm):
                for name in _names(self.root / _TOP / "blobs" / algorithm / two):
                    if is_digest(digest := f"{algorithm}:{name}"):
                        yield digest

    def content(self, digest: str, most: int) -> bytes | None:
        """A blob's bytes, at most ``most`` of them, also while it is aside; None where there is none."""
        path = self.blob_path(digest) / "data"
        for place in (self.root / path, self.root / _ASIDE / path):
            with suppress(FileNotFoundError), place.open("rb") as file:
                return file.read(most)
        return None

    # --- where things are ----------------------------------------------------------------------------

    def _manifests(self, repository: str) -> Path:
        return _TOP / "repositories" / repository / "_manifests"

    def tag_path(self, repository: str, tag: str) -> Path:
        """The path of a tag's folder, below the root."""
        return self._manifests(repository) / "tags" / tag

    def revision_path(self, repository: str, digest: str) -> Path:
        """The path of the folder that links a repository to a manifest, below the root."""
        algorithm, _, name = digest.partition(":")
        return self._manifests(repository) / "revisions" / algorithm / name

    def layer_path(self, repository: str, digest: str) -> Path:
        """The path of the folder that links a repository to a blob, below the root."""
        algorithm, _, name = digest.partition(":")
        return _layers(repository) / algorithm / name

    def blob_path(self, digest: str) -> Path:
        """The path of a blob's folder, below the root."""
        algorithm, _, name = digest.partition(":")
        return _TOP / "blobs" / algorithm / name[:2] / name

    # --- moving --------------------------------------------------------------------------------------

    def put_aside(self, path: Path) -> bool:
        """Take a folder out of the registry's sight, at once and as a whole. False where it is not there."""
        return _move(self.root / path, self.root / _ASIDE / path)

    def put_back(self, path: Path) -> bool:
        """Undo :meth:`put_aside`. What has come in its place since then stays."""
        return _move(self.root / _ASIDE / path, self.root / path)

    def leaves_aside(self) -> bool:
        """Whether a collector that ended before its time left something aside."""
        return (self.root / _ASIDE).exists()

    def put_all_back(self, alive: Callable[[], None]) -> int:
        """What a collector that was killed had put aside, and was not decided yet. Returns how many folders."""
        self._delete_doomed(alive)
        aside = self.root / _ASIDE
        count = 0
        for folder, names, files in os.walk(aside):
            alive()
            is_tag = "current" in names and (Path(folder) / "current/link").is_file()
            if is_tag or {"data", "link"} & set(files):
                names.clear()
                count += self.put_back(Path(folder).relative_to(aside))
        _delete(aside, alive)
        return count

    def delete_aside(self, alive: Callable[[], None]) -> None:
        """Delete what is aside. Once this began, the next collector carries it through."""
        with suppress(FileNotFoundError):
            (self.root / _ASIDE).rename(self.root / _DOOMED)
        self._delete_doomed(alive)

    def _delete_doomed(self, alive: Callable[[], None]) -> None:
        _delete(self.root / _DOOMED, alive)

    def bytes_on_disk(self, alive: Callable[[], None]) -> int:
        """What ``du`` says of all of it: whole blocks, of files and folders, a file with two names once."""
        total = 0
        seen: set[tuple[int, int]] = set()
        for folder, _folders, files in os.walk(self.root):
            alive()
            for path in (Path(folder), *(Path(folder) / name for name in files)):
                with suppress(FileNotFoundError):
                    stat = path.lstat()
                    if stat.st_nlink > 1 and not path.is_dir():
                        if (stat.st_dev, stat.st_ino) in seen:
                            continue
                        seen.add((stat.st_dev, stat.st_ino))
                    total += stat.st_blocks * 512
        return total


def _repositories(folder: Path, name: str) -> Iterator[str]:
    parts = _names(folder)
    if {"_manifests", "_layers"} & set(parts):
        yield name
    for part in parts:
        if not part.startswith("_"):
            yield from _repositories(folder / part, f"{name}/{part}" if name else part)


def _layers(repository: str) -> Path:
    return _TOP / "repositories" / repository / "_layers"


def _digests(folder: Path) -> Iterator[str]:
    for algorithm in _names(folder):
        for name in _names(folder / algorithm):
            if is_digest(digest := f"{algorithm}:{name}"):
                yield digest


def _names(folder: Path) -> list[str]:
    """Folders in a folder; none where it is not there.

    :raises Unreadable: a link to elsewhere: the registry follows it, and what is moved must be on one file system.
    """
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return []
    for entry in entries:
        if entry.is_symlink():
            raise Unreadable(entry.path)
    return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def _read(path: Path) -> str:
    """The digest in a file named ``link``; empty where there is no such file.

    :raises Unreadable: it holds something else.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""
    if not is_digest(text):
        raise Unreadable(path)
    return text


def _move(source: Path, target: Path) -> bool:
    """A folder, to where there is none, or an empty one (a registry leaves these behind): nothing is written over."""
    if not source.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as exc:
        if exc.errno not in _TAKEN_OR_GONE:
            raise
        return False
    return True


def _delete(top: Path, alive: Callable[[], None]) -> None:
    """A folder with all that is in it, also while another collector does the same."""
    for folder, names, files in os.walk(top, topdown=False):
        alive()
        for path in (Path(folder) / name for name in (*names, *files)):
            if path.is_symlink() or not path.is_dir():
                path.unlink(missing_ok=True)
        try:
            Path(folder).rmdir()
        except OSError as exc:
            if exc.errno not in _TAKEN_OR_GONE:
                raise
