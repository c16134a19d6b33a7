"""``portal member``, ``credential``, ``schedule`` and so on: the commands of each kind of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from portal_client import finding
from portal_client.api import Api, Row
from portal_client.commands.base import Command, Group, confirm, project_option, secret_line
from portal_client.kinds import CREDENTIALS, Field, Kind
from portal_client.session import current
from portal_client.words import _


def family_of(kind: Kind, *more: click.Command) -> click.Group:
    """The commands that list, add, edit and remove rows of a kind, and what else it can do.

    :param more: commands beside those of the table.
    """
    group = Group(kind.noun, help=kind.help)
    group.add_command(_list(kind))
    group.add_command(_add(kind))
    if kind.editable:
        group.add_command(_edit(kind))
    group.add_command(_remove(kind))
    for action, sentence in kind.actions:
        group.add_command(_action(kind, action, sentence))
    for command in more:
        group.add_command(command)
    return group


def _list(kind: Kind) -> click.Command:
    def run(project: str) -> None:
        session = current()
        with session.api() as api:
            found = finding.project(api, project)
            session.out.rows(api.rows(kind.address(found["id"])), kind.columns)

    return _command("list", run, _("List them."))


def _add(kind: Kind) -> click.Command:
    def run(project: str, **given: Any) -> None:
        session = current()
        with session.api() as api:
            found = finding.project(api, project)
            body = _body(api, found["id"], kind, given)
            if kind.secret is not None and kind.secret.required and kind.secret.name not in body:
                body[kind.secret.name] = secret_line(kind.secret.flag)
            made = api.post(kind.address(found["id"]), body)
            # What is shown this once, a robot's secret, is in the answer and nowhere else.
            fields = [field.name for field in kind.fields if field.name in made]
            session.out.one(made, ["id", *fields, *(["secret"] if "secret" in made else [])])

    return _command("add", run, _("Add one."), [option_of(field, to_make=True) for field in kind.fields])


def _edit(kind: Kind) -> click.Command:
    def run(project: str, row: str, **given: Any) -> None:
        session = current()
        with session.api() as api:
            found = finding.project(api, project)
            there = _one(api, found["id"], kind, row)
            body = _body(api, found["id"], kind, given)
            if not body:
                raise click.UsageError(_("Give at least one change."))
            changed = api.patch(kind.address(found["id"], there["id"]), body)
            session.out.one(changed, ["id", *(field.name for field in kind.fields if field.name in changed)])

    options = [option_of(field, to_make=False) for field in kind.fields if not field.fixed]
    return _command("edit", run, _("Change one."), options, named=True)


def _remove(kind: Kind) -> click.Command:
    def run(project: str, row: str, yes: bool) -> None:
        session = current()
        with session.api() as api:
            found = finding.project(api, project)
            there = _one(api, found["id"], kind, row)
            name = kind.name_of(there)
            confirm(_("Remove %(what)s %(name)s?") % {"what": kind.noun, "name": name}, yes)
            api.delete(kind.address(found["id"], there["id"]))
            session.out.say(_("Removed %(what)s %(name)s.") % {"what": kind.noun, "name": name})

    sure = click.Option(["--yes", "-y"], is_flag=True, help=_("Don't ask."))
    return _command("remove", run, _("Remove one."), [sure], named=True)


def _action(kind: Kind, action: str, sentence: str) -> click.Command:
    def run(project: str, row: str) -> int:
        session = current()
        with session.api() as api:
            found = finding.project(api, project)
            there = _one(api, found["id"], kind, row)
            answer = api.post(f"{kind.address(found['id'], there['id'])}/{action}")
            session.out.one(answer, list(answer))
            return 0 if answer.get("ok", True) else 1

    return _command(action, run, sentence, named=True)


def _command(
    name: str,
    run: Callable[..., int | None],
    sentence: str,
    options: list[click.Parameter] | None = None,
    *,
    named: bool = False,
) -> click.Command:
    """One command about a kind of row.

    :param named: it is about one row, which its first argument names.
    """
    row: list[click.Parameter] = [click.Argument(["row"], metavar="NAME")] if named else []
    return Command(name, callback=run, help=sentence, params=[*row, project_option(), *(options or [])])


def option_of(field: Field, *, to_make: bool) -> click.Parameter:
    """The option for a field.

    :param to_make: what a row has to have is asked for.
    """
    required = field.required and to_make
    if field.form == "secret":
        return click.Option(
            [f"--{field.flag}-stdin", field.name],
            is_flag=True,
            help=_("Read the %(what)s from standard input, or ask for it on a terminal.")
            % {"what": field.flag},
        )
    if field.form == "flag":
        return click.Option([f"--{field.flag}/--no-{field.flag}", field.name], default=None, help=field.help)
    form: Any = click.Choice(field.choices) if field.choices else int if field.form == "number" else str
    return click.Option(
        [f"--{field.flag}", field.name],
        type=form,
        multiple=field.form == "texts",
        required=required,
        help=field.help,
    )


def _body(api: Api, project_id: str, kind: Kind, given: dict[str, Any]) -> Row:
    """What is sent: only what was said."""
    body: Row = {}
    for field in kind.fields:
        value = given.get(field.name)
        if field.form == "secret":
            if value:
                body[field.name] = secret_line(field.flag)
        elif field.form == "texts":
            if value:
                body[field.name] = list(value)
        elif field.form == "credential" and value:
            saved = api.rows(CREDENTIALS.address(project_id))
            body[field.name] = finding.one_of(saved, value, CREDENTIALS.name_of, CREDENTIALS.noun)["id"]
        elif value is not None:
            body[field.name] = value
    return body


def _one(api: Api, project_id: str, kind: Kind, name: str) -> Row:
    return finding.one_of(api.rows(kind.address(project_id)), name, kind.name_of, kind.noun)
