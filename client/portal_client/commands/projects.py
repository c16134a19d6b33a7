"""``portal project``, ``portal batch``, ``portal token``: projects, batches of imports, own tokens."""

from __future__ import annotations

from typing import Any

import click

from portal_client import finding
from portal_client.commands.base import Group, confirm, in_project
from portal_client.commands.rows import option_of
from portal_client.kinds import PROJECT_FIELDS
from portal_client.session import current
from portal_client.words import _

_PROJECT = ("name", "visibility", "role", "image_count", "description")
_BATCH = ("id", "name", "total", "counts", "progress", "created_at", "completed_at")


@click.group(cls=Group, help=_("Projects."))
def project() -> None:
    """Commands below."""


@project.command("list", help=_("Projects that you can read."))
@click.option("--search", default="", metavar="TEXT", help=_("Part of a name or description."))
def list_projects(search: str) -> None:
    session = current()
    with session.api() as api:
        session.out.rows(api.rows("/projects", search=search), _PROJECT)


def _with_fields(command: click.Command) -> click.Command:
    """Decorates a command: it takes the fields of a project but its name."""
    command.params.extend(option_of(field, to_make=False) for field in PROJECT_FIELDS if not field.fixed)
    return command


def _given_fields(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value not in (None, ())
    }


@_with_fields
@project.command(help=_("Create a project; you become its owner."))
@click.argument("name")
def create(name: str, **given: Any) -> None:
    session = current()
    with session.api() as api:
        session.out.one(api.post("/projects", {"name": name, **_given_fields(given)}), ("id", *_PROJECT))


@_with_fields
@project.command(help=_("Change a project: description, visibility and what its settings have."))
@click.argument("name")
def edit(name: str, **given: Any) -> None:
    session = current()
    changes = _given_fields(given)
    if not changes:
        raise click.UsageError(_("Give at least one change."))
    with session.api() as api:
        found = finding.project(api, name)
        fields = dict.fromkeys(("id", *_PROJECT, *changes))
        session.out.one(api.patch(f"/projects/{found['id']}", changes), list(fields))


@project.command(help=_("Delete a project with all that it holds."))
@click.argument("name")
@click.option("--yes", "-y", is_flag=True, help=_("Don't ask."))
def delete(name: str, yes: bool) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, name)
        count = {"name": name, "count": found["image_count"]}
        confirm(_("Delete project %(name)s with its %(count)d images?") % count, yes)
        api.delete(f"/projects/{found['id']}")
        session.out.say(_("Removed %(what)s %(name)s.") % {"what": _("project"), "name": name})


@project.command(help=_("Usage and limits of a project."))
@click.argument("name")
def usage(name: str) -> None:
    session = current()
    with session.api() as api:
        answer = api.get(f"/projects/{finding.project(api, name)['id']}/usage")
        session.out.one(answer, list(answer))


@project.command(help=_("Your own weekly digest of a project by email: whether you get it, and when."))
@click.argument("name")
@click.option("--on/--off", "wanted", default=None, help=_("Subscribe or unsubscribe."))
def digest(name: str, wanted: bool | None) -> None:
    session = current()
    with session.api() as api:
        path = f"/projects/{finding.project(api, name)['id']}/digest"
        if wanted:
            api.post(path)
        elif wanted is not None:
            api.delete(path)
        session.out.one(api.get(path), ("subscribed", "email", "next_at"))


@project.command(help=_("The audit log of a project, newest first."))
@click.argument("name")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help=_("Show at most this many.")
)
def journal(name: str, limit: int) -> None:
    session = current()
    with session.api() as api:
        rows = api.rows(f"/projects/{finding.project(api, name)['id']}/audit", limit=limit)
        session.out.rows(rows, ("at", "actor", "action", "subject", "address"))


@click.group(
    cls=Group, help=_("Batches: many imports at once. portal watch, cancel and retry take their ids.")
)
def batch() -> None:
    """Commands below."""


@in_project
@batch.command("list", help=_("Batches of a project, newest first."))
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help=_("Show at most this many.")
)
def list_batches(project: str, limit: int) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        session.out.rows(api.rows(f"/projects/{found['id']}/images/import/batches", limit=limit), _BATCH)


@in_project
@batch.command(help=_("The result of each import of a batch."))
@click.argument("identifier", type=click.UUID, metavar="ID")
def results(identifier: object, project: str) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        rows = api.get(f"/projects/{found['id']}/images/import/batches/{identifier}/results")
        session.out.rows(rows, ("status", "image_url", "target_image", "error_code", "error"))


@click.group(cls=Group, help=_("Your API tokens."))
def token() -> None:
    """Commands below."""


@token.command("list", help=_("Your tokens, without their secrets."))
def list_tokens() -> None:
    session = current()
    with session.api() as api:
        session.out.rows(
            api.rows("/auth/tokens"), ("id", "name", "scope", "prefix", "expires_at", "last_used_at")
        )


@token.command(help=_("Revoke a token, at once."))
@click.argument("identifier", type=click.UUID, metavar="ID")
def revoke(identifier: object) -> None:
    session = current()
    with session.api() as api:
        api.delete(f"/auth/tokens/{identifier}")
        session.out.say(_("Removed %(what)s %(name)s.") % {"what": _("token"), "name": identifier})
