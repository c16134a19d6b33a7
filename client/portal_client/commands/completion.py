"""``portal completion``: the words of the command line, for the shell's Tab key."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from portal_client.commands.base import Command
from portal_client.words import _


@click.command(cls=Command, help=_('Print the shell\'s completion: eval "$(portal completion bash)".'))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    root = click.get_current_context().find_root()
    found = get_completion_class(shell)
    assert found is not None, "click knows the three shells"
    click.echo(found(root.command, {}, "portal", "_PORTAL_COMPLETE").source())
