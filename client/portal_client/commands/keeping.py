"""``portal clean-up``, ``portal trash``: what a project no longer keeps, and what of it comes back."""

from __future__ import annotations

import click

from portal_client import finding
from portal_client.api import Api, Row
from portal_client.commands.base import Command, Group, confirm, in_project
from portal_client.output import size
from portal_client.session import current
from portal_client.words import _

_TRASHED = ("id", "repository", "tag", "digest", "size", "removed_at", "removed_by", "expires_at")


@in_project
@click.command(
    "clean-up", cls=Command, help=_("Move the tags that the project's rules don't keep to the trash.")
)
@click.option("--dry-run", is_flag=True, help=_("Only print what would be kept and removed, and why."))
@click.option("--yes", "-y", is_flag=True, help=_("Don't ask."))
def clean_up(project: str, dry_run: bool, yes: bool) -> None:
    session = current()
    with session.api() as api:
        path = f"/projects/{finding.project(api, project)['id']}/retention"
        if not dry_run:
            confirm(_("Clean up project %(project)s by its rules?") % {"project": project}, yes)
        plan = api.post(f"{path}/{'dry-run' if dry_run else 'run'}")
        rows = [{"action": action, **row} for action in ("keep", "remove") for row in plan[action]]
        session.out.rows(rows, ("action", "image", "digest", "why"))
        freed = {"count": len(plan["remove"]), "size": size(plan["bytes"])}
        session.out.say(_("Tags to remove: %(count)d. Only they use %(size)s.") % freed)


@click.group(cls=Group, help=_("Removed tags that can be restored."))
def trash() -> None:
    """Commands below."""


@in_project
@trash.command("list", help=_("Removed tags, the last first."))
def list_(project: str) -> None:
    session = current()
    with session.api() as api:
        session.out.rows(api.rows(_trash(api, project)), _TRASHED)


@in_project
@trash.command(help=_("Restore removed tags, with the same digests."))
@click.argument("names", nargs=-1, required=True, metavar="NAME:TAG…")
def restore(names: tuple[str, ...], project: str) -> None:
    session = current()
    with session.api() as api:
        for path, row in _removed(api, project, names):
            answer = api.post(f"{path}/restore")
            if session.out.as_json:
                session.out.line(answer)
            session.out.say(
                _("%(image)s now points to %(digest)s.") % {"image": _name(row), "digest": row["digest"]}
            )


@in_project
@trash.command(help=_("Delete removed tags for good, before they expire."))
@click.argument("names", nargs=-1, required=True, metavar="NAME:TAG…")
@click.option("--yes", "-y", is_flag=True, help=_("Don't ask."))
def remove(names: tuple[str, ...], project: str, yes: bool) -> None:
    session = current()
    with session.api() as api:
        found = _removed(api, project, names)
        confirm(_("Delete %(names)s for good?") % {"names": ", ".join(names)}, yes)
        for path, row in found:
            api.delete(path)
            session.out.say(_("Removed %(what)s %(name)s.") % {"what": _("tag"), "name": _name(row)})


def _trash(api: Api, project: str) -> str:
    return f"/projects/{finding.project(api, project)['id']}/trash"


def _removed(api: Api, project: str, names: tuple[str, ...]) -> list[tuple[str, Row]]:
    """Address and row of each of these, named by ``NAME:TAG`` or by its id."""
    path = _trash(api, project)
    rows = list(api.rows(path))
    found = [finding.one_of(rows, name, _name, _("tag")) for name in names]
    return [(f"{path}/{row['id']}", row) for row in found]


def _name(row: Row) -> str:
    return f"{row['repository']}:{row['tag']}"
