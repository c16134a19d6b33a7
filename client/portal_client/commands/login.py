"""``portal login``, ``portal logout``: the token that other commands use."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import click

from portal_client import store
from portal_client.api import Api
from portal_client.commands.base import Command, secret_line
from portal_client.errors import NotSignedIn, NotThere, PortalError
from portal_client.session import current, is_in_clear, normal_server
from portal_client.words import _

_DAYS = 90


@click.command(cls=Command, help=_("Sign in to a portal, and keep a token for the commands that follow."))
@click.argument("url")
@click.option("--username", "-u", metavar="NAME", help=_("Your username; default: ask for it."))
@click.option("--password-stdin", is_flag=True, help=_("Read the password from standard input."))
@click.option(
    "--token-stdin",
    is_flag=True,
    help=_("Read a token that you created on the account page from standard input."),
)
@click.option("--second-factor", is_flag=True, help=_("Ask for the code of your second factor."))
@click.option("--scope", type=click.Choice(["read", "import", "admin"]), default="admin", show_default=True,
              help=_("What the token can do."))  # fmt: skip
@click.option("--expires-in-days", type=click.IntRange(min=1), default=_DAYS, show_default=True,
              help=_("How long it is valid."))  # fmt: skip
def login(url: str, token_stdin: bool, **options: Any) -> None:
    session = current()
    server = normal_server(url)
    if is_in_clear(server):
        session.out.warn(
            _("%(url)s is not encrypted: others on the network can read the token.") % {"url": server}
        )
    authorities = session.authorities()
    kept = store.load()
    row = _given(server, authorities) if token_stdin else _made(server, authorities, options)
    row.ca_file = str(authorities.resolve()) if authorities else None
    kept.keep(server, row)
    if session.out.as_json:
        session.out.line({"server": server, "username": row.username or None})
    session.out.say(_("Signed in to %(url)s. The token is in %(path)s.") % {"url": server, "path": kept.path})


def _given(server: str, authorities: Path | None) -> store.Kept:
    """A token that was made on the page; the portal is asked whether it knows it."""
    row = store.Kept(token=secret_line(_("the token")))
    with Api(server, row.token, ca_file=authorities) as api:
        next(api.rows("/auth/tokens", limit=1), None)
    return row


def _made(server: str, authorities: Path | None, options: dict[str, Any]) -> store.Kept:
    """A new token, for user name and password."""
    if not options["username"] and (options["password_stdin"] or not sys.stdin.isatty()):
        raise click.UsageError(_("--username is missing."))
    name = options["username"] or str(click.prompt(_("Username"), err=True))
    body: dict[str, Any] = {"username": name, "password": _password(options["password_stdin"])}
    if options["second_factor"]:
        body["otp"] = str(click.prompt(_("Code of the second factor"), hide_input=True, err=True))
    body["name"] = f"portal on {platform.node()}"[:100]
    body |= {field: options[field] for field in ("scope", "expires_in_days")}
    with Api(server, "", ca_file=authorities) as api:
        made = api.post("/auth/tokens", body)
    return store.Kept(token=made["token"], token_id=made["id"], username=name)


def _password(from_stdin: bool) -> str:
    if not from_stdin and not sys.stdin.isatty():
        raise click.UsageError(_("Without a terminal, use --password-stdin or --token-stdin."))
    return secret_line(_("Password"))


@click.command(cls=Command, help=_("Revoke the token that is kept, and forget it."))
@click.argument("url", required=False, default="")
def logout(url: str) -> None:
    session = current()
    kept = store.load()
    server = normal_server(url) or kept.current
    row = kept.portals.get(server)
    if row is None:
        raise PortalError(_("You are not signed in to %(url)s.") % {"url": server or url or "-"}, "no_token")
    if row.token_id:
        with Api(server, row.token, ca_file=session.authorities(row)) as api:
            try:
                api.delete(f"/auth/tokens/{row.token_id}")
            except (NotSignedIn, NotThere):
                session.out.warn(_("The portal no longer accepted the token."))
    else:
        session.out.warn(
            _("The token was created elsewhere and stays valid: revoke it on your account page.")
        )
    kept.forget(server)
    session.out.say(_("Signed out of %(url)s.") % {"url": server})
