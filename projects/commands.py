"""The lines that people type to sign in, pull and push."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from accounts.snippets import kubernetes_line
from projects.models import Project
from projects.pull_commands import CLIENTS


@dataclass(frozen=True, slots=True)
class ClientCommands:
    """The commands of one client; ``NAME:TAG`` stands for what the reader fills in."""

    client: str
    login: str
    pull: str
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
            tag=f"{client} tag {image} {full}",
            push=f"{client} push {full}",
        )
        for client, pull in CLIENTS.items()
    ]


def kubernetes_secret(project: Project) -> str:
    """Makes the secret that a cluster pulls with, from a robot account."""
    login = f"robot${project.name}+NAME"
    return kubernetes_line(settings.REGISTRY_PUBLIC_HOST, login, "SECRET", project.name)
