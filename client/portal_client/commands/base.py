"""The options that every command has, wherever in the line they stand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from portal_client.errors import PortalError
from portal_client.session import Session
from portal_client.words import _


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    """What is given counts for the whole line; what is not given changes nothing."""
    if not value:
        return
    session = context.ensure_object(Session)
    if option.name == "json":
        session.out.as_json = True
    else:
        setattr(session, str(option.name), value)


def _shared() -> list[click.Option]:
    here: dict[str, Any] = {"callback": _keep, "expose_value": False, "is_eager": True}
    return [
        click.Option(
            ["--server"],
            metavar="URL",
            help=_("The portal's address (PORTAL_URL; default: where you signed in)."),
            **here,
        ),
        click.Option(
            ["--token"],
            metavar="TOKEN",
            help=_(
                "An API token. Visible in process lists: prefer PORTAL_TOKEN, PORTAL_TOKEN_FILE or login."
            ),
            **here,
        ),
        click.Option(
            ["--ca-file"],
            metavar="FILE",
            help=_("Additional certificate authorities in PEM (PORTAL_CA_FILE)."),
            **here,
        ),
        click.Option(
            ["--json"], is_flag=True, help=_("Print the API's own JSON, one object per line."), **here
        ),
    ]


class Command(click.Command):
    """A command with the shared options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared())


class Group(click.Group):
    """Commands below one word; each takes the shared options, and so does the word itself."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared())


def project_option(*, required: bool = True) -> click.Option:
    """The option that names the project."""
    sentence = (
        _("The project (PORTAL_PROJECT).")
        if required
        else _("The project (PORTAL_PROJECT); default: all that you can read.")
    )

    def named(context: click.Context, option: click.Parameter, value: str | None) -> str:
        """An empty variable names nothing: it must not mean any project."""
        if required and not value:
            raise click.MissingParameter(ctx=context, param=option)
        return value or ""

    names = ["--project", "-p"]
    return click.Option(names, metavar="NAME", envvar="PORTAL_PROJECT", help=sentence, callback=named)


def in_project(command: click.Command) -> click.Command:
    """Decorates a command: it takes the option that names the project."""
    command.params.append(project_option())
    return command


def in_any_project(command: click.Command) -> click.Command:
    """The same, where all projects are meant if none is named."""
    command.params.append(project_option(required=False))
    return command


def secret_line(prompt: str) -> str:
    """A secret from standard input, one line; asked for without echo where that is a terminal.

    :raises PortalError: there is nothing.
    """
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, err=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise PortalError(_("Standard input is empty; it should hold %(what)s.") % {"what": prompt})
    return line


def confirm(sentence: str, yes: bool) -> None:
    """Ask before something goes.

    :raises PortalError: there is no terminal to ask at.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise PortalError(_("%(sentence)s Without a terminal, confirm with --yes.") % {"sentence": sentence})
    click.confirm(sentence, abort=True, err=True)


@contextmanager
def using(path: Path) -> Iterator[None]:
    """Inside the block a file is read or written.

    :raises PortalError: it can't be.
    """
    try:
        yield
    except OSError as exc:
        raise PortalError(
            _("%(path)s: %(reason)s") % {"path": path, "reason": exc.strerror or exc}, "file_error"
        ) from exc
