"""How an image is pulled, in words ready to copy."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from projects.models import Image

#: Clients that the pages offer, and how each pulls.
CLIENTS: Final = {"docker": "docker pull", "podman": "podman pull", "nerdctl": "nerdctl pull"}


def address(image: Image) -> str:
    """``<public host>/<project>/<repository>:<tag>``"""
    return f"{settings.REGISTRY_PUBLIC_HOST}/{image.project.name}/{image.repository}:{image.tag}"


def pull_command(image: Image, client: str = "docker") -> str:
    """The command that pulls the tag with ``client``; Docker's for a client that is not known."""
    return f"{CLIENTS.get(client, CLIENTS['docker'])} {address(image)}"
