"""How an image, a chart or another artifact is pulled, in words ready to copy."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from django.conf import settings

from projects.models import Image

#: Clients that the pages offer, and how each pulls.
CLIENTS: Final = {"docker": "docker pull", "podman": "podman pull", "nerdctl": "nerdctl pull"}
#: The type of a Helm chart's configuration (helm.sh/docs/topics/registries, "Helm chart manifest").
HELM: Final = "application/vnd.cncf.helm.config.v1+json"


class Kind(StrEnum):
    """What a tag holds."""

    IMAGE = "image"
    CHART = "chart"
    ARTIFACT = "artifact"


def kind_of(artifact_type: str) -> Kind:
    """By :attr:`Image.artifact_type`, which is empty for container images."""
    if not artifact_type:
        return Kind.IMAGE
    return Kind.CHART if artifact_type == HELM else Kind.ARTIFACT


def address(image: Image) -> str:
    """``<public host>/<project>/<repository>:<tag>``"""
    return f"{settings.REGISTRY_PUBLIC_HOST}/{image.project.name}/{image.repository}:{image.tag}"


def command_for(full: str, artifact_type: str, client: str = "docker") -> str:
    """The command that pulls ``full`` (``<host>/<name>:<tag>``).

    :param client: for container images; Docker's for a client that is not known.
    """
    kind = kind_of(artifact_type)
    if kind == Kind.CHART:
        name, _, tag = full.rpartition(":")
        # No tag may have a plus sign; Helm writes an underscore in its place.
        return f"helm pull oci://{name} --version {tag.replace('_', '+')}"
    if kind == Kind.ARTIFACT:
        return f"oras pull {full}"
    return f"{CLIENTS.get(client, CLIENTS['docker'])} {full}"


def pull_command(image: Image, client: str = "docker") -> str:
    """The command that pulls the tag: with ``client`` a container image, with Helm a chart, with ORAS the rest."""
    return command_for(address(image), image.artifact_type, client)


def pull_commands(image: Image) -> list[str]:
    """Those of all clients that can pull it."""
    return list(dict.fromkeys(pull_command(image, client) for client in CLIENTS))
