"""``portal list``, ``watch``, ``cancel``, ``retry``, ``approve``, ``reject``: imports and batches that there are."""

from __future__ import annotations

from uuid import UUID

import click

from portal_client import finding, watching
from portal_client.api import Row
from portal_client.commands.base import Command, in_any_project
from portal_client.commands.imports import tell_end
from portal_client.session import current
from portal_client.words import _

_STATUSES = ("requested", "pending", "running", "canceling", "success", "failed", "canceled")
_COLUMNS = ("id", "status", "progress", "image_url", "target_image", "created_at")


@in_any_project
@click.command("list", cls=Command, help=_("Imports, newest first."))
@click.option(
    "--status", type=click.Choice(_STATUSES), multiple=True, help=_("Only these statuses; repeatable.")
)
@click.option("--search", default="", metavar="TEXT", help=_("Part of a source or target image."))
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help=_("Show at most this many.")
)
def list_(project: str, status: tuple[str, ...], search: str, limit: int) -> None:
    session = current()
    with session.api() as api:
        projects = [finding.project(api, project)] if project else list(api.rows("/projects"))
        found: list[Row] = []
        for each in projects:
            asked = {"status": list(status), "search": search}
            found += api.rows(f"/projects/{each['id']}/images/import", limit=limit, **asked)
        found.sort(key=lambda row: str(row["created_at"]), reverse=True)
        session.out.rows(found[:limit], _COLUMNS)


@in_any_project
@click.command(
    cls=Command, help=_("Follow imports or batches until they end; exit with 1 if anything fails.")
)
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID…")
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help=_("Stop waiting after this time.")
)
def watch(ids: tuple[UUID, ...], project: str, timeout: float | None) -> int:
    session = current()
    with session.api() as api:
        rows = dict(finding.work(api, str(each), project) for each in ids)
        return tell_end(api, watching.follow(api, rows, session.out, timeout=timeout), session.out)


@in_any_project
@click.command(cls=Command, help=_("Cancel imports or batches that have not ended."))
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID…")
def cancel(ids: tuple[UUID, ...], project: str) -> None:
    _do("cancel", ids, project)


@in_any_project
@click.command(cls=Command, help=_("Retry failed or canceled imports, or the failed imports of a batch."))
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID…")
def retry(ids: tuple[UUID, ...], project: str) -> None:
    _do("retry", ids, project)


@in_any_project
@click.command(cls=Command, help=_("Approve requested imports, for the digests that were shown."))
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID…")
def approve(ids: tuple[UUID, ...], project: str) -> None:
    _do("approve", ids, project)


@in_any_project
@click.command(cls=Command, help=_("Reject requested imports."))
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID…")
@click.option("--reason", required=True, metavar="TEXT", help=_("What the requesters are told."))
def reject(ids: tuple[UUID, ...], project: str, reason: str) -> None:
    _do("reject", ids, project, {"reason": reason})


def _do(action: str, ids: tuple[UUID, ...], project: str, body: dict[str, str] | None = None) -> None:
    session = current()
    with session.api() as api:
        for each in ids:
            path, _row = finding.work(api, str(each), project)
            row = api.post(f"{path}/{action}", body)
            if session.out.as_json:
                session.out.line(row)
            what = {"name": watching.name_of(row), "id": row["id"]}
            session.out.say(_("%(name)s: portal watch %(id)s") % what)
