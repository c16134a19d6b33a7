"""The lines that people type to sign in, pull and push: images, charts and other artifacts, ready to copy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.preferences import PULL_CLIENTS
from accounts.snippets import kubernetes_line, pull_secret_name
from oci.spec.media_types import HELM_CONFIG
from projects.models import Image, Project, Robot

#: Clients that the pages offer, and how each pulls.
CLIENTS: Final = {client: f"{client} pull" for client in PULL_CLIENTS}


class Kind(StrEnum):
    """What a tag holds."""

    IMAGE = "image"
    CHART = "chart"
    ARTIFACT = "artifact"


def kind_of(artifact_type: str) -> Kind:
    """By :attr:`Image.artifact_type`, which is empty for container images."""
    if not artifact_type:
        return Kind.IMAGE
    return Kind.CHART if artifact_type == HELM_CONFIG else Kind.ARTIFACT


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


def login_command(project: Project, client: str = "docker") -> str:
    """What has to be typed before anything of the project can be pulled; empty where everyone may pull."""
    if not needs_sign_in(project):
        return ""
    known = client if client in CLIENTS else "docker"
    return f"{known} login {settings.REGISTRY_PUBLIC_HOST}"


def needs_sign_in(project: Project) -> bool:
    """Whether the registry asks who pulls: one with accounts of its own always, the portal's unless public."""
    if settings.REGISTRY_AUTH == "none":
        return False
    return settings.REGISTRY_AUTH != "token" or project.visibility != Project.Visibility.PUBLIC


@dataclass(frozen=True, slots=True)
class PullWay:
    """Another way to name an image for a pull: what it is for, and the text to copy."""

    label: Any
    text: str


def pull_ways(image: Image, client: str = "docker") -> list[PullWay]:
    """By digest, for one platform, in a compose file and in a pod. A chart has no other way, an artifact the first."""
    kind = kind_of(image.artifact_type)
    if kind == Kind.CHART:
        return []
    pull = "oras pull" if kind == Kind.ARTIFACT else CLIENTS.get(client, CLIENTS["docker"])
    ways = [PullWay(_("This exact image, by digest"), f"{pull} {_named(image)}@{image.digest}")]
    if kind == Kind.ARTIFACT:
        return ways
    ways += [
        PullWay(
            _("Only %(platform)s") % {"platform": platform},
            f"{pull} --platform {platform} {address(image)}",
        )
        for platform in _choices(image)
    ]
    return [
        *ways,
        PullWay(_("Compose file"), f"services:\n  {_short(image)}:\n    image: {address(image)}"),
        PullWay(_("Kubernetes pod"), _pod(image)),
    ]


def _choices(image: Image) -> list[str]:
    """Platforms among which a pull can choose; an image of one has no choice."""
    names = [str(child.get("platform") or "") for child in image.children]
    return [name for name in dict.fromkeys(names) if "/" in name and not name.startswith("unknown")]


def _pod(image: Image) -> str:
    secret = ""
    if needs_sign_in(image.project):
        secret = f"  imagePullSecrets:\n    - name: {pull_secret_name(image.project.name)}\n"
    return f"spec:\n{secret}  containers:\n    - name: {_short(image)}\n      image: {address(image)}"


def _named(image: Image) -> str:
    return f"{settings.REGISTRY_PUBLIC_HOST}/{image.project.name}/{image.repository}"


def _short(image: Image) -> str:
    """A name for a service or container: the last part of the repository's (RFC 1123, 63 characters)."""
    last = image.repository.rpartition("/")[2]
    return "".join(char if char.isalnum() else "-" for char in last)[:63].strip("-")


@dataclass(frozen=True, slots=True)
class ClientCommands:
    """The commands of one client; ``NAME:TAG`` stands for what the reader fills in."""

    client: str
    login: str
    pull: str
    #: Of an image that is not here yet, by its name at its source.
    first_pull: str
    tag: str
    push: str


def client_commands(project: Project, image: str = "NAME:TAG") -> list[ClientCommands]:
    """What each client needs to sign in, pull ``image`` and push it."""
    host = settings.REGISTRY_PUBLIC_HOST
    full = f"{host}/{project.name}/{image}"
    return [
        ClientCommands(
            client=client,
            login=f"{client} login {host}",
            pull=f"{pull} {full}",
            first_pull=f"{pull} {host}/{project.name}/docker.io/library/nginx:1.27",
            tag=f"{client} tag {image} {full}",
            push=f"{client} push {full}",
        )
        for client, pull in CLIENTS.items()
    ]


def kubernetes_secret(project: Project) -> str:
    """Makes the secret that a cluster pulls with, from a robot account."""
    login = f"{Robot.LOGIN_PREFIX}{project.name}+NAME"
    return kubernetes_line(settings.REGISTRY_PUBLIC_HOST, login, "SECRET", project.name)
