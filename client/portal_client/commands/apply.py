"""``portal apply``: configuration as code, in our own format and in those of the tools that people come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from portal_client import watching
from portal_client.applying import comparing
from portal_client.applying.doing import Doing
from portal_client.commands.base import Command
from portal_client.commands.imports import tell_end
from portal_client.foreign import Choice, read_files
from portal_client.output import Output
from portal_client.session import current
from portal_client.words import _


@click.command(
    cls=Command,
    help=_(
        "Apply configuration files: portal/v1, or files of regsync, skopeo sync, image-syncer and hauler."
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option("--dry-run", is_flag=True, help=_("Print what would change and change nothing."))
@click.option("--exit-code", is_flag=True, help=_("With --dry-run: exit with 1 if something would change."))
@click.option(
    "--prune",
    is_flag=True,
    help=_("Remove rows that the file's sections do not list; owners and images stay."),
)
@click.option("--update-secrets", is_flag=True, help=_("Set secrets again, even if they are already set."))
@click.option("--wait", "-w", is_flag=True, help=_("Wait for the imports; exit with 1 if one fails."))
@click.option("--project", "-p", default="", metavar="NAME", envvar="PORTAL_PROJECT",
              help=_("The project for another tool's file (PORTAL_PROJECT)."))  # fmt: skip
@click.option("--cron", default="", metavar="LINE",
              help=_("Cron line for another tool's entries without one; default: import them once."))  # fmt: skip
def apply(files: tuple[Path, ...], dry_run: bool, exit_code: bool, wait: bool, **options: Any) -> int:
    session = current()
    out = session.out
    desired = read_files(files, Choice(options["project"], options["cron"]))
    for sentence in desired.notes:
        out.warn(sentence)
    with session.api() as api:
        comparison = comparing.compare(
            api, desired, prune=options["prune"], secrets=options["update_secrets"]
        )
        if dry_run:
            for change in comparison.changes:
                _print(change, out)
            out.say(_summary(comparison.changes, dry_run=True))
            return 1 if exit_code and comparison.changes else 0
        doing = Doing(api, comparison)
        for change in doing.run():
            _print(change, out)
        for sentence in doing.notes:
            out.warn(sentence)
        out.say(_summary(comparison.changes, dry_run=False))
        if wait:
            return tell_end(api, watching.follow(api, doing.batches, out), out)
    return 0


def _print(change: comparing.Change, out: Output) -> None:
    if out.as_json:
        out.line(change.as_json())
    out.say(comparing.told(change))


def _summary(changes: list[comparing.Change], *, dry_run: bool) -> str:
    if not changes:
        return _("Nothing to change.")
    counts = {"create": 0, "update": 0, "delete": 0, "import": 0}
    for change in changes:
        counts[change.action] += 1
    if dry_run:
        sentence = _("%(create)d to add, %(update)d to change, %(delete)d to remove, %(import)d to import.")
    else:
        sentence = _("%(create)d added, %(update)d changed, %(delete)d removed, %(import)d being imported.")
    return sentence % counts
