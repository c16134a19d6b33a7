"""From names that people type to the ids that the API takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from portal_client.api import Api, Row
from portal_client.errors import NotThere, PortalError
from portal_client.words import _


def project(api: Api, name: str) -> Row:
    """The project of this name.

    :raises PortalError: there is none, or it is not yours to see.
    """
    found = next((row for row in api.rows("/projects", name=name) if row["name"] == name), None)
    if found is None:
        raise PortalError(_("There is no project %(name)s.") % {"name": name}, "not_found")
    return found


def one_of(rows: Iterable[Row], name: str, name_of: Callable[[Row], str], what: str) -> Row:
    """The row whose id is ``name``, or which is called so by ``name_of``.

    :raises PortalError: none is, or several are.
    """
    found = [row for row in rows if name in (row["id"], name_of(row))]
    if not found:
        raise PortalError(_("There is no %(what)s %(name)s.") % {"what": what, "name": name}, "not_found")
    if len(found) > 1:
        ids = ", ".join(row["id"] for row in found)
        raise PortalError(_("Several are called %(name)s. Use an id: %(ids)s") % {"name": name, "ids": ids})
    return found[0]


def work(api: Api, identifier: str, project_name: str = "") -> tuple[str, Row]:
    """The address of an import or a batch, and what stands there; asked in one project, or in each that is readable.

    :raises PortalError: there is none of this id.
    """
    projects = [project(api, project_name)] if project_name else api.rows("/projects")
    for each in projects:
        for below in ("images/import", "images/import/batches"):
            path = f"/projects/{each['id']}/{below}/{identifier}"
            try:
                return path, api.get(path)
            except NotThere:
                continue
    raise PortalError(_("There is no import %(id)s.") % {"id": identifier}, "not_found")
