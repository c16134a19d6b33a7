"""``apiVersion: portal/v1``: the client's own files, read strictly. Described in ``docs/client.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from portal_client.api import Row
from portal_client.applying.desired import Desired, Project, Secret
from portal_client.errors import PortalError
from portal_client.kinds import APPLIED_KINDS, PROJECT_FIELDS, Field, Kind
from portal_client.words import _

VERSION: Final = "portal/v1"
APPLIED: Final = {kind.section: kind for kind in APPLIED_KINDS}
_FORMS: Final = {
    bool: _("true or false"),
    list: _("a list of texts"),
    int: _("a number"),
    str: _("a text in quotes"),
}
_IMAGE_FIELDS: Final = (
    Field("image_url", required=True),
    Field("target_name"),
    Field("target_tag"),
    Field("platforms", "texts"),
    Field("credential", "credential"),
)


class Reader:
    """Reads one file; every problem is collected, so that all are told at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems: list[str] = []

    def document(self, found: Mapping[str, Any]) -> Desired:
        """What a document of ours wants."""
        desired = Desired()
        self._unknown("", found, {"apiVersion", "projects"})
        names: set[str] = set()
        for where, row in self._mappings("projects", found.get("projects")):
            project = self._project(where, row)
            if project.name in names:
                self._problem(where, _("There is a second project %(name)s.") % {"name": project.name})
            names.add(project.name)
            desired.projects.append(project)
        return desired

    def _project(self, where: str, found: Mapping[str, Any]) -> Project:
        own = {field.name for field in PROJECT_FIELDS}
        self._unknown(where, found, own | set(APPLIED) | {"images"})
        fields = self._row(
            where, {name: value for name, value in found.items() if name in own}, PROJECT_FIELDS
        )
        project = Project(str(fields.pop("name", "")), fields)
        for section, kind in APPLIED.items():
            if section in found:
                project.sections[section] = self._section(f"{where}.{section}", found[section], kind)
        for at, row in self._entries(f"{where}.images", found.get("images")):
            project.images.append(self._row(at, row, _IMAGE_FIELDS))
        return project

    def _section(self, where: str, found: Any, kind: Kind) -> list[Row]:
        rows: list[Row] = []
        seen: set[tuple[Any, ...]] = set()
        for at, each in self._mappings(where, found):
            row = self._row(at, each, kind.fields)
            key = kind.key_of(row)
            if not any(key) and not any(field.required for field in kind.fields):
                # Else each field that is missing was named already.
                self._problem(at, _("Name one of %(fields)s.") % {"fields": ", ".join(kind.key)})
            if kind.unique and key in seen:
                self._problem(at, _("It appears twice."))
            seen.add(key)
            if kind.order:
                row.setdefault(kind.order, len(rows) + 1)
            rows.append(row)
        return rows

    def _row(self, where: str, found: Mapping[str, Any], fields: tuple[Field, ...]) -> Row:
        self._unknown(where, found, {field.name for field in fields})
        row: Row = {}
        for field in fields:
            if field.name in found:
                row[field.name] = self._value(f"{where}.{field.name}", found[field.name], field)
            elif field.required and field.form != "secret":
                self._problem(where, _("%(field)s is missing.") % {"field": field.name})
        return row

    def _value(self, where: str, value: Any, field: Field) -> Any:
        if field.form == "secret":
            return self._secret(where, value)
        if field.form == "mapping":
            if isinstance(value, dict):
                return self._row(where, value, field.fields)
            self._problem(where, _("This must be a mapping."))
            return None
        if value is None and field.form == "number":
            return None  # no limit
        wanted: type = {"flag": bool, "texts": list, "number": int}.get(field.form, str)
        # YAML reads 1.20 as a number and `no` as a boolean: what should be text has to be written as text.
        right = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
        if wanted is list and right:
            right = all(isinstance(each, str) for each in value)
        if not right:
            self._problem(where, _("This must be %(form)s.") % {"form": _FORMS[wanted]})
            return None
        for each in value if wanted is list else [value]:
            if field.choices and each not in field.choices:
                self._problem(
                    where, _("This must be one of %(choices)s.") % {"choices": ", ".join(field.choices)}
                )
        return value

    def _secret(self, where: str, value: Any) -> Secret | None:
        if isinstance(value, dict) and len(value) == 1:
            name, place = next(iter(value.items()))
            if name == "env" and isinstance(place, str):
                return Secret(env=place)
            if name == "file" and isinstance(place, str):
                return Secret(file=self._folder / place)
        self._problem(where, _("Do not write a secret here: use {env: NAME} or {file: PATH}."))
        return None

    def _entries(self, where: str, found: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """As :meth:`_mappings`; a text stands for an image alone."""
        if isinstance(found, list):
            found = [{"image_url": each} if isinstance(each, str) else each for each in found]
        yield from self._mappings(where, found)

    def _mappings(self, where: str, found: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        if not isinstance(found, list | None):
            self._problem(where, _("This must be a list."))
            return
        for index, each in enumerate(found or []):
            at = f"{where}[{index}]"
            if isinstance(each, dict):
                yield at, each
            else:
                self._problem(at, _("This must be a mapping."))

    def _unknown(self, where: str, found: Mapping[str, Any], known: set[str]) -> None:
        for name in found:
            if name not in known:
                choices = {"field": name, "known": ", ".join(sorted(known))}
                self._problem(where, _("There is no field %(field)s; there are %(known)s.") % choices)

    def _problem(self, where: str, sentence: str) -> None:
        self.problems.append(f"{where}: {sentence}" if where else sentence)


def read_document(found: Mapping[str, Any], folder: Path) -> Desired:
    """A document of ours.

    :param folder: where relative paths of secrets begin.
    :raises PortalError: with every problem.
    """
    reader = Reader(folder)
    desired = reader.document(found)
    if reader.problems:
        raise PortalError("\n".join(reader.problems), "invalid")
    return desired
