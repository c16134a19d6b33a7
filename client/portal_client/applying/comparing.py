"""What a file changes: the difference between what it wants and what the portal has. Nothing is written here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from portal_client import watching
from portal_client.api import Api, Row
from portal_client.applying.desired import Desired, Project, Secret
from portal_client.applying.document import APPLIED
from portal_client.errors import PortalError
from portal_client.kinds import CREDENTIALS, MEMBERS, RULES, TRUST, Kind
from portal_client.words import _

Action = Literal["create", "update", "delete", "import"]

_REFERENCE: Final = re.compile(r"(?P<host>[^/]+)/(?P<name>[^@:]+)(?::(?P<tag>[^@]+))?(?:@.+)?")
#: Of a Helm repository; in a project it has the chart's name alone, unless names are full.
_CHART: Final = re.compile(
    r"helm\+https?://(?P<host>[^/]+)/(?P<path>(?:[^/]+/)*)(?P<name>[^/@:]+)(?::(?P<version>[^@/]+))?(?:@.+)?"
)
_DOCKER_HUB: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")
_HIDDEN: Final = "***"


@dataclass
class Subject:
    """A row of a project, the project itself, or an image: these two are of no kind."""

    project: str
    noun: str
    name: str
    kind: Kind | None = None
    #: Of a row that is there.
    row_id: str = ""


@dataclass
class Change:
    """One thing to do. ``body``: what is sent, with secrets and credentials as the file has them."""

    action: Action
    of: Subject
    body: Row = field(default_factory=dict)
    #: Field, what it is, what it becomes; secrets hidden.
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def as_json(self) -> Row:
        """For programs."""
        changes = {name: {"from": old, "to": new} for name, (old, new) in self.fields.items()}
        about = {
            "action": self.action,
            "project": self.of.project,
            "kind": self.of.noun,
            "name": self.of.name,
        }
        return {**about, "changes": changes}


@dataclass
class Comparison:
    """All changes in the order in which they are made, and the ids of the projects that there are."""

    changes: list[Change] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)


def compare(api: Api, desired: Desired, *, prune: bool, secrets: bool) -> Comparison:
    """What has to be done.

    :param prune: rows that the file does not name go, in the sections that it names; owners stay.
    :param secrets: secrets that are set already are set once more, since they cannot be compared.
    """
    found = Comparison()
    for project in desired.projects:
        there = next(
            (row for row in api.rows("/projects", name=project.name) if row["name"] == project.name), None
        )
        itself = Subject(project.name, "project", project.name)
        if there is None:
            found.changes.append(_create(itself, {"name": project.name, **project.fields}))
        else:
            found.ids[project.name] = there["id"]
            if fields := _different(there, project.fields):
                body = {name: project.fields[name] for name in fields}
                found.changes.append(Change("update", itself, body, fields))
        found.changes += _rows(api, project, there, prune=prune, secrets=secrets)
        found.changes += _images(api, project, there)
    return found


def _create(subject: Subject, body: Row) -> Change:
    fields = {key: (None, _HIDDEN if isinstance(value, Secret) else value) for key, value in body.items()}
    return Change("create", subject, body, fields)


def _there(project: str, kind: Kind, row: Row) -> Subject:
    """A row that the portal has."""
    return Subject(project, kind.noun, kind.name_of(row), kind, row["id"])


def _rows(api: Api, project: Project, there: Row | None, *, prune: bool, secrets: bool) -> list[Change]:
    changes: list[Change] = []
    removals: list[Change] = []
    names = _names(api, there, CREDENTIALS) if "schedules" in project.sections else {}
    signers = _names(api, there, TRUST) if RULES.section in project.sections else {}
    for section, kind in APPLIED.items():
        if section not in project.sections:
            continue
        left = list(api.rows(kind.address(there["id"]))) if there else []
        for row in left:
            if "credential" in row:  # people name them; ids are the portal's
                row["credential"] = names.get(row["credential"])
            if signed_by := row.get("requires", {}).get("signed_by"):
                row["requires"] = {
                    **row["requires"],
                    "signed_by": [signers.get(id_, id_) for id_ in signed_by],
                }
        for wanted in project.sections[section]:
            same = _nearest(wanted, left, kind)
            if same is None:
                changes.append(_create(Subject(project.name, kind.noun, kind.name_of(wanted), kind), wanted))
                continue
            left.remove(same)
            changes += _update(project.name, kind, same, wanted, secrets=secrets)
        if prune:
            removals += [
                Change("delete", _there(project.name, kind, row))
                for row in left
                if kind is not MEMBERS or row["role"] != "owner"
            ]
    # Schedules go before the credentials that they use, rules before whose signatures they ask for.
    return changes + removals[::-1]


def _names(api: Api, there: Row | None, kind: Kind) -> dict[str, str]:
    """The names of the rows that others refer to, by their ids."""
    return {row["id"]: row["name"] for row in api.rows(kind.address(there["id"]))} if there else {}


def _nearest(wanted: Row, rows: list[Row], kind: Kind) -> Row | None:
    """The one that differs least of the rows with the same key: two schedules may keep one repository in step."""
    same = [row for row in rows if kind.key_of(row) == kind.key_of(wanted)]
    return min(same, key=lambda row: len(_different(row, wanted)), default=None)


def _update(project: str, kind: Kind, row: Row, wanted: Row, *, secrets: bool) -> Iterator[Change]:
    fields = _different(row, wanted)
    if fields and not kind.editable:
        what = {"project": project, "what": kind.noun, "name": kind.name_of(row)}
        raise PortalError(
            _("%(project)s: %(what)s %(name)s can't be changed. Add a new one with a different name.") % what,
            "invalid",
        )
    secret = kind.secret
    given = wanted.get(secret.name) if secret else None
    if secret and given and (secrets or not row[kind.told_by] or "registry" in fields):
        fields[secret.name] = (_HIDDEN if row[kind.told_by] else None, _HIDDEN)
    if fields:
        body = {name: wanted[name] for name in fields}
        yield Change("update", _there(project, kind, row), body, fields)


def _different(row: Row, wanted: Row) -> dict[str, tuple[Any, Any]]:
    """Fields that the file names and that are otherwise."""
    return {
        name: (row.get(name), value)
        for name, value in wanted.items()
        if not isinstance(value, Secret) and plain(row.get(name)) != plain(value)
    }


def plain(value: Any) -> Any:
    """A value to compare: the order in lists means nothing, nor do space around a text and empty parts of a mapping."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if each not in (None, [])}
    if isinstance(value, str):
        return value.strip()
    return sorted(value) if isinstance(value, list) else value


# --- images --------------------------------------------------------------------------------------------


def _images(api: Api, project: Project, there: Row | None) -> Iterator[Change]:
    """Images whose tag is neither here nor on its way. What a tag names is not compared: it moves."""
    if not project.images:
        return
    here: set[tuple[str, str]] = set()
    if there is not None:
        here = {(row["repository"], row["tag"]) for row in api.rows(f"/projects/{there['id']}/images")}
        imports = f"/projects/{there['id']}/images/import"
        for row in api.rows(imports, status=["requested", "pending", "running", "canceling"]):
            if not watching.has_ended(row):
                here.add((row["target_name"], row["target_tag"]))
    full = (project.fields.get("naming") or (there or {}).get("naming")) == "full"
    asked: dict[tuple[str, str], str] = {}
    for body in project.images:
        target = target_of(body, full=full)
        other = asked.setdefault(target, body["image_url"])
        if other != body["image_url"]:
            what = {
                "project": project.name,
                "one": other,
                "other": body["image_url"],
                "name": ":".join(target),
            }
            sentence = _("%(project)s: %(one)s and %(other)s would both become %(name)s. Rename one of them.")
            raise PortalError(sentence % what, "invalid")
        if target not in here:
            here.add(target)
            subject = Subject(project.name, "image", f"{target[0]}:{target[1]}")
            # What the file doesn't name, the portal names.
            fields = {"image_url": (None, body["image_url"])}
            yield Change("import", subject, dict(body), fields)


def target_of(body: Row, *, full: bool) -> tuple[str, str]:
    """Name and tag inside the project: those that are given, else the source's, as the API has them by default.

    :param full: the project's ``naming`` is ``full``: names begin with the registry.
    """
    text = body["image_url"].removeprefix("docker://")
    if chart := _CHART.fullmatch(text):
        name, tag = chart["name"], (chart["version"] or "latest").replace("+", "_")
        host, repository = chart["host"], f"{chart['path']}{name}".lower()
    else:
        first, slash, _rest = text.partition("/")
        if not slash or not ("." in first or ":" in first or first == "localhost"):
            text = f"docker.io/{text}"
        match = _REFERENCE.fullmatch(text)
        if match is None:
            return body.get("target_name", ""), body.get("target_tag", "")
        host, repository, tag = match["host"], match["name"], match["tag"] or "latest"
        if host.lower() in _DOCKER_HUB:
            host = "docker.io"
            repository = repository if "/" in repository else f"library/{repository}"
        name = repository.removeprefix("library/")
    if full:
        name = f"{host.lower().replace(':', '__')}/{repository}"
    return body.get("target_name") or name, body.get("target_tag") or tag


def told(change: Change) -> str:
    """A change as lines for people: ``+`` is made, ``~`` changed, ``-`` removed."""
    sign = {"create": "+", "update": "~", "delete": "-", "import": "+"}[change.action]
    lines = [f"{sign} {change.of.project}: {change.of.noun} {change.of.name}"]
    for name, (old, new) in change.fields.items():
        before = f"{_text(old)} → " if change.action == "update" else ""
        if change.action == "update" or new not in (None, "", [], change.of.name):
            lines.append(f"    {name}: {before}{_text(new)}")
    return "\n".join(lines)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(each)}" for name, each in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(value) or "-"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "-" if value in (None, "") else str(value)
