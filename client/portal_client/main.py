"""Where ``portal`` begins: the words of the command line, and its exit codes: 0, 1 (failed), 2 (usage)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from portal_client import __version__
from portal_client.commands import (
    apply,
    asking,
    bundles,
    completion,
    images,
    imports,
    keeping,
    login,
    plan,
    projects,
    rows,
    work,
    workloads,
)
from portal_client.commands.base import Group
from portal_client.errors import PortalError
from portal_client.kinds import CLUSTERS, KINDS
from portal_client.session import Session
from portal_client.words import _

#: Every command; a new one is one more line.
COMMANDS = (
    login.login,
    login.logout,
    imports.import_,
    work.list_,
    work.watch,
    work.cancel,
    work.retry,
    work.approve,
    work.reject,
    plan.plan,
    apply.apply,
    projects.project,
    images.image,
    keeping.clean_up,
    keeping.trash,
    projects.batch,
    bundles.bundle,
    bundles.upload,
    workloads.rewrite,
    *(rows.family_of(kind) for kind in KINDS if kind is not CLUSTERS),
    rows.family_of(CLUSTERS, workloads.inventory),
    projects.token,
    asking.api,
    completion.completion,
)


@click.group(
    cls=Group,
    help=_(
        "Registry Portal from the command line. Exit codes: 0, 1 (something failed), 2 (wrong command line)."
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="portal")
def cli() -> None:
    """Commands below."""


for _command in COMMANDS:
    cli.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line; its exit code."""
    session = Session()
    try:
        code = cli.main(
            None if arguments is None else list(arguments),
            prog_name="portal",
            standalone_mode=False,
            obj=session,
        )
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except PortalError as exc:
        session.out.fail(exc)
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo(_("Stopped."), err=True)
        return 1
    return code if isinstance(code, int) else 0


def main() -> None:
    """The program."""
    sys.exit(run())
