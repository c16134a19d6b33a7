"""What a pull needs before it works."""

from __future__ import annotations

from django import template

from projects import commands
from projects.models import Project

register = template.Library()


@register.simple_tag
def login_command(project: Project, client: str) -> str:
    """See :func:`projects.commands.login_command`."""
    return commands.login_command(project, client)
