"""What the readers of other tools' files have in common: sources, rules for tags, targets, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from portal_client.api import Row
from portal_client.applying.desired import Project, Secret
from portal_client.errors import PortalError
from portal_client.foreign import patterns
from portal_client.words import _


@dataclass(frozen=True)
class Choice:
    """What the file does not say: the project, and when to sync what has no time of its own."""

    project: str
    cron: str = ""


@dataclass
class Wanted:
    """One source: all that the tools can say of it.

    ``repository`` is without tag and digest; ``tags`` are rules as a schedule takes them.
    """

    repository: str
    tags: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    digest: str = ""
    target: str = ""
    target_tag: str = ""
    platforms: list[str] = field(default_factory=list)
    cron: str = ""


class Collection:
    """Gathers what a file wants, as schedules where a time is known and else as imports."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self.notes: list[str] = []
        self._schedules: list[Row] = []
        self._images: list[Row] = []
        self._accounts: dict[str, Row] = {}

    @property
    def is_empty(self) -> bool:
        """No file of another tool was read."""
        return not (self._schedules or self._images or self.notes)

    def note(self, sentence: str) -> None:
        """Something can't be had; said once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def account(self, place: str, username: str, password: Secret) -> None:
        """A sign-in at a registry, or (image-syncer) at a namespace of it."""
        self._accounts[place] = {
            "registry": host_of(f"{place}/x"),
            "username": username,
            "password": password,
        }

    def add(self, wanted: Wanted) -> None:
        """One source."""
        patterned = [rule for rule in wanted.tags if patterns.is_pattern(rule)]
        cron = wanted.cron or self._choice.cron
        renamed = wanted.target_tag and [wanted.target_tag] != wanted.tags
        if wanted.digest or renamed:
            if cron and not wanted.digest:
                sentence = _(
                    "%(name)s: a schedule can't rename a tag, so the image is imported only once, as %(tag)s."
                )
                self.note(sentence % {"name": wanted.repository, "tag": wanted.target_tag})
            self._import(wanted)
        elif cron:
            self._schedule(wanted, cron)
        elif patterned or not wanted.tags:
            sentence = _(
                "%(name)s: %(rules)s selects tags, which needs a schedule: set its time with --cron."
            )
            self.note(sentence % {"name": wanted.repository, "rules": ", ".join(wanted.tags) or "*"})
        else:
            self._import(wanted)

    def project(self) -> Project:
        """All of it, for the one project that was named.

        :raises PortalError: none was.
        """
        if not self._choice.project:
            raise PortalError(_("Another tool's file names no project: use --project NAME."), "no_project")
        sections: dict[str, list[Row]] = {}
        used = dict.fromkeys(row.get("credential") for row in (*self._schedules, *self._images))
        if accounts := [{"name": name, **self._accounts[name]} for name in used if name]:
            sections["credentials"] = accounts
        if self._schedules:
            sections["schedules"] = self._schedules
        return Project(self._choice.project, {}, sections, self._images)

    def _schedule(self, wanted: Wanted, cron: str) -> None:
        row: Row = {"image_url": wanted.repository, "tags": wanted.tags or ["*"], "cron": cron}
        if wanted.exclude:
            row["exclude_tags"] = wanted.exclude
        self._schedules.append({**row, **self._common(wanted)})

    def _import(self, wanted: Wanted) -> None:
        tags: Sequence[str] = wanted.tags or [""]
        for tag in tags:
            text = (
                wanted.repository
                + (f":{tag}" if tag else "")
                + (f"@{wanted.digest}" if wanted.digest else "")
            )
            row: Row = {"image_url": text, **self._common(wanted)}
            if name := wanted.target_tag or ("" if tag else _tag_of(wanted.digest)):
                row["target_tag"] = name
            self._images.append(row)

    def _common(self, wanted: Wanted) -> Row:
        row: Row = {}
        if name := self._target_name(wanted.target):
            row["target_name"] = name
        if wanted.platforms:
            row["platforms"] = wanted.platforms
        place = next((place for place in _places(wanted.repository) if place in self._accounts), None)
        if place is not None:
            row["credential"] = place
        return row

    def _target_name(self, target: str) -> str:
        """The target's name inside the project: without its registry, and without the project where it begins so."""
        if not target:
            return ""
        _host, _slash, path = full_name(target).partition("/")
        return path.removeprefix(f"{self._choice.project}/")


def full_name(name: str) -> str:
    """A repository with its registry in front, as Docker understands it."""
    first, slash, _rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def host_of(name: str) -> str:
    """The registry of a repository."""
    return full_name(name).partition("/")[0]


def split_reference(text: str) -> tuple[str, str, str]:
    """Repository, tag and digest; empty where there is none."""
    name, _at, digest = text.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, "", digest
    return repository, tag, digest


def _tag_of(digest: str) -> str:
    """A digest needs a tag of its own: all would be called latest. Empty stays empty."""
    return f"digest-{digest.partition(':')[2][:12]}" if digest else ""


def platforms_of(found: dict[str, Any]) -> list[str]:
    """``platform`` and ``platforms`` of an entry."""
    one = found.get("platform")
    many = found.get("platforms") or []
    return [str(each) for each in ([one] if one and one != "all" else many)]


def _places(repository: str) -> list[str]:
    """The names by which a sign-in for it may be listed, the longest first."""
    parts = full_name(repository).split("/")
    return ["/".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]
