"""What a pull needs before it works."""

from __future__ import annotations

from django import template

from projects import pulling
from projects.models import Project

register = template.Library()


@register.simple_tag
def login_command(project: Project, client: str) -> str:
    """See :func:`projects.pulling.login_command`."""
    return pulling.login_command(project, client)
