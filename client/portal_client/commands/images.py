"""``portal image``: what a project holds, and the digests that a tag has named."""

from __future__ import annotations

import click

from portal_client import finding
from portal_client.api import Api, Row
from portal_client.commands.base import Group, confirm, in_project
from portal_client.errors import PortalError
from portal_client.session import current
from portal_client.words import _

_COLUMNS = ("repository", "tag", "digest", "size", "platforms", "updated_at")


@click.group(cls=Group, help=_("Images of a project."))
def image() -> None:
    """Commands below."""


@in_project
@image.command("list", help=_("Tags of the project, most recently written first."))
@click.option("--search", default="", metavar="TEXT", help=_("Part of a repository, tag or digest."))
@click.option("--repository", default="", metavar="NAME", help=_("Only this repository."))
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, help=_("Show at most this many; 0 shows all.")
)
def list_(project: str, search: str, repository: str, limit: int) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        asked = {name: value for name, value in (("search", search), ("repository", repository)) if value}
        session.out.rows(api.rows(f"/projects/{found['id']}/images", limit=limit, **asked), _COLUMNS)


@in_project
@image.command(help=_("One tag, with its platforms and the command that pulls it."))
@click.argument("name", metavar="NAME:TAG")
def show(name: str, project: str) -> None:
    session = current()
    with session.api() as api:
        path, _row = tagged(api, project, name)
        row = api.get(path)
        session.out.one(row, [field for field in row if field not in ("id", "children")])


@in_project
@image.command(help=_("The digests that a tag has pointed to, newest first."))
@click.argument("name", metavar="NAME:TAG")
def history(name: str, project: str) -> None:
    session = current()
    with session.api() as api:
        path, _row = tagged(api, project, name)
        session.out.rows(api.rows(f"{path}/digests"), ("at", "digest", "source_image", "source_digest"))


@in_project
@image.command(help=_("Roll a tag back to an earlier digest."))
@click.argument("name", metavar="NAME:TAG")
@click.argument("digest")
def restore(name: str, digest: str, project: str) -> None:
    session = current()
    with session.api() as api:
        path, _row = tagged(api, project, name)
        answer = api.post(f"{path}/restore", {"digest": digest})
        if session.out.as_json:
            session.out.line(answer)
        session.out.say(_("%(image)s now points to %(digest)s.") % {"image": name, "digest": digest})


@in_project
@image.command(help=_("Scan tags for vulnerabilities."))
@click.argument("names", nargs=-1, required=True, metavar="NAME:TAG…")
def scan(names: tuple[str, ...], project: str) -> None:
    session = current()
    with session.api() as api:
        for name in names:
            path, _row = tagged(api, project, name)
            answer = api.post(f"{path}/scan")
            if session.out.as_json:
                session.out.line(answer)
            session.out.say(_("%(image)s is being scanned.") % {"image": name})


@in_project
@image.command(help=_("Remove tags. Other tags of the same image stay."))
@click.argument("names", nargs=-1, required=True, metavar="NAME:TAG…")
@click.option("--yes", "-y", is_flag=True, help=_("Don't ask."))
def remove(names: tuple[str, ...], project: str, yes: bool) -> None:
    session = current()
    with session.api() as api:
        found = [tagged(api, project, name)[0] for name in names]
        confirm(
            _("Remove %(names)s from %(project)s?") % {"names": ", ".join(names), "project": project}, yes
        )
        for name, path in zip(names, found, strict=True):
            api.delete(path)
            session.out.say(_("Removed %(what)s %(name)s.") % {"what": _("tag"), "name": name})


def tagged(api: Api, project: str, name: str) -> tuple[str, Row]:
    """The address of a tag, and its row.

    :param name: ``repository:tag`` inside the project.
    :raises PortalError: there is none.
    """
    repository, _colon, tag = name.rpartition(":")
    if not repository:
        raise click.UsageError(_("Write the image as NAME:TAG."))
    found = finding.project(api, project)
    row = next(api.rows(f"/projects/{found['id']}/images", repository=repository, tag=tag), None)
    if row is None:
        raise PortalError(_("There is no %(what)s %(name)s.") % {"what": _("tag"), "name": name}, "not_found")
    return f"/projects/{found['id']}/images/{row['id']}", row
