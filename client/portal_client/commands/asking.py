"""``portal api``: the API itself, for what has no command of its own."""

from __future__ import annotations

import json
import sys
from typing import Any, Final
from urllib.parse import parse_qs

import click

from portal_client import finding
from portal_client.api import Api
from portal_client.commands.base import Command, in_any_project
from portal_client.errors import PortalError
from portal_client.session import current
from portal_client.words import _

_METHODS: Final = ("GET", "POST", "PATCH", "DELETE")
_PREFIX: Final = "/api/v1"


@in_any_project
@click.command(
    cls=Command, help=_("Send a request to the API and print its answer; a list is printed whole.")
)
@click.argument("path")
@click.option(
    "--method",
    "-X",
    type=click.Choice(_METHODS, case_sensitive=False),
    help=_("Default: GET, or POST with data."),
)
@click.option("--data", "-d", metavar="JSON", help=_("The body; - reads it from standard input."))
def api(path: str, method: str | None, data: str | None, project: str) -> None:
    """``{project}`` in the path stands for the id of the named project; ``/api/v1`` may be left out."""
    body = _body(data)
    chosen = (method or ("GET" if data is None else "POST")).upper()
    session = current()
    with session.api() as portal:
        answer = _ask(portal, chosen, _address(portal, path, project), body)
        for row in answer:
            if session.out.as_json:
                session.out.line(row)
            else:
                click.echo(json.dumps(row, ensure_ascii=False, indent=2))


def _ask(portal: Api, method: str, path: str, body: Any) -> list[Any]:
    """What is to be printed: the rows of a list, one answer, or nothing."""
    if method == "GET":
        path, _mark, query = path.partition("?")
        asked: dict[str, Any] = {**parse_qs(query, keep_blank_values=True)}
        answer = portal.get(path, **asked)
        is_list = isinstance(answer, dict) and {"results", "next"} <= answer.keys()
        return list(portal.rows(path, **asked)) if is_list else [answer]
    if method == "DELETE":
        portal.delete(path)
        return []
    answer = portal.patch(path, body) if method == "PATCH" else portal.post(path, body)
    return [] if answer is None else [answer]


def _address(portal: Api, path: str, project: str) -> str:
    if "{project}" in path:
        if not project:
            raise click.UsageError(_("Name the project with --project."))
        path = path.replace("{project}", str(finding.project(portal, project)["id"]))
    return "/" + path.removeprefix(_PREFIX).lstrip("/")


def _body(data: str | None) -> Any:
    if data is None:
        return None
    try:
        return json.loads(sys.stdin.read() if data == "-" else data)
    except ValueError as exc:
        raise PortalError(_("The data is not JSON: %(reason)s.") % {"reason": exc}) from exc
