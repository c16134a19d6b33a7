"""Makes the changes, in order. What was done before a failure stays; the next run goes on from there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from portal_client.api import Api, Row
from portal_client.applying.comparing import Change, Comparison, plain
from portal_client.applying.desired import Secret
from portal_client.errors import PortalError
from portal_client.kinds import CREDENTIALS, TRUST, Kind
from portal_client.words import _

#: Imports of one batch, at most (the API's limit).
_BATCH: Final = 1000


class Doing:
    """One run of ``portal apply``."""

    def __init__(self, api: Api, comparison: Comparison) -> None:
        self._api = api
        self._changes = comparison.changes
        self._ids = dict(comparison.ids)
        self.notes: list[str] = []
        #: Batches that were begun: their addresses, and first answers.
        self.batches: dict[str, Row] = {}

    def run(self) -> Iterator[Change]:
        """Each change once it is made.

        :raises PortalError: one is refused; it says which.
        """
        for project, changes in groupby(self._changes, key=lambda change: change.of.project):
            imports: list[Change] = []
            for change in changes:
                if change.action == "import":
                    imports.append(change)
                    continue
                self._carefully(change)
                yield change
            yield from self._import(project, imports)

    def _carefully(self, change: Change) -> None:
        try:
            sent, answer = self._do(change)
        except PortalError as exc:
            what = {
                "project": change.of.project,
                "what": change.of.noun,
                "name": change.of.name,
                "sentence": exc.sentence,
            }
            raise PortalError(
                _("%(project)s: %(what)s %(name)s: %(sentence)s") % what, exc.code, exc.body
            ) from exc
        self._mind_forms(change, sent, answer)

    def _do(self, change: Change) -> tuple[Row, Row]:
        """What was sent, and what came back."""
        if change.of.kind is None:
            if change.action == "create":
                made: Row = self._api.post("/projects", change.body)
                self._ids[change.of.project] = made["id"]
                return change.body, made
            return change.body, dict(
                self._api.patch(f"/projects/{self._ids[change.of.project]}", change.body)
            )
        address = change.of.kind.address(self._ids[change.of.project], change.of.row_id)
        if change.action == "delete":
            self._api.delete(address)
            return {}, {}
        body = self._sent(change)
        return body, dict(
            self._api.post(address, body) if change.action == "create" else self._api.patch(address, body)
        )

    def _sent(self, change: Change) -> Row:
        """The body with secrets in clear, credentials and trust anchors by id."""
        body: Row = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in change.body.items()
        }
        if body.get("credential"):
            body["credential"] = self._id(change.of.project, CREDENTIALS, body["credential"])
        if signed_by := (body.get("requires") or {}).get("signed_by"):
            found = [each if _is_id(each) else self._id(change.of.project, TRUST, each) for each in signed_by]
            body["requires"] = {**body["requires"], "signed_by": found}
        return body

    def _id(self, project: str, kind: Kind, name: str) -> str:
        for row in self._api.rows(kind.address(self._ids[project])):
            if row["name"] == name:
                return str(row["id"])
        raise PortalError(
            _("There is no %(what)s %(name)s.") % {"what": kind.noun, "name": name}, "not_found"
        )

    def _mind_forms(self, change: Change, sent: Row, answer: Row) -> None:
        """The portal writes some things in one form of its own: in another one they would differ each time."""
        for name, value in sent.items():
            kept: Any = answer.get(name, value)
            secret = isinstance(change.body[name], Secret)
            if not secret and name != "credential" and plain(kept) != plain(value):
                what = {"name": change.of.name, "field": name, "kept": kept}
                self.notes.append(
                    _("%(name)s: the portal writes %(field)s as %(kept)s; use that form in the file.") % what
                )

    def _import(self, project: str, imports: list[Change]) -> Iterator[Change]:
        if not imports:
            return
        where = f"/projects/{self._ids[project]}/images/import/batches"
        for start in range(0, len(imports), _BATCH):
            some = imports[start : start + _BATCH]
            bodies = [self._sent(change) for change in some]
            made = self._api.post(where, {"images": bodies, "name": "portal apply"}, key=uuid.uuid4().hex)
            self.batches[f"{where}/{made['id']}"] = made
            yield from some


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
