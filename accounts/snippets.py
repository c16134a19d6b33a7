"""What to paste where, to sign in to the registry with a login and a secret: with the real values, ready to run.

Logins of robots hold a ``$``: whatever is for a shell is in single quotes, and what is for a file is written as that
file's own format quotes it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

#: The name under which pipelines keep the secret.
VARIABLE = "REGISTRY_PASSWORD"


@dataclass(frozen=True, slots=True)
class Snippet:
    """``name``: an id in the page; ``label``: what it is for; ``text``: to copy."""

    name: str
    label: Any
    text: str


def sign_in_snippets(*, username: str, secret: str, name: str) -> list[Snippet]:
    """For clients, clusters and pipelines.

    :param name: what the secret is called in a cluster, from a project's or a user's name.
    """
    host = settings.REGISTRY_PUBLIC_HOST
    return [
        Snippet("docker", "docker login", login_line("docker", host, username, secret)),
        Snippet("podman", "podman login", login_line("podman", host, username, secret)),
        Snippet("kubernetes", _("Kubernetes secret"), kubernetes_line(host, username, secret, name)),
        Snippet("github-secret", _("GitHub Actions: store the secret"), _github_secret(secret)),
        Snippet("github", _("GitHub Actions: workflow step"), _github_step(host, username)),
        Snippet("gitlab-secret", _("GitLab CI: store the secret"), _gitlab_secret(secret)),
        Snippet("gitlab", _("GitLab CI: job script"), _gitlab_lines(host, username)),
        Snippet("containerd", _("containerd: config.toml"), _containerd(host, username, secret)),
        Snippet("auth", _("podman, skopeo, CRI-O: auth.json"), _auth_file(host, username, secret)),
    ]


def api_snippet(api: str, token: str) -> Snippet:
    """A first call of the API at ``api`` with an API token."""
    header = quoted(f"Authorization: Bearer {token}")
    return Snippet("api", _("Example API request"), f"curl --header {header} {quoted(f'{api}/projects')}")


def login_line(client: str, host: str, username: str, secret: str) -> str:
    """Signs a client in; the secret is on its standard input, since other users see a command's arguments."""
    login = f"{client} login --username {quoted(username)} --password-stdin {quoted(host)}"
    return f"printf '%s' {quoted(secret)} | {login}"


def kubernetes_line(host: str, username: str, secret: str, name: str) -> str:
    """Makes the secret that pods name under ``imagePullSecrets``."""
    return (
        f"kubectl create secret docker-registry {quoted(pull_secret_name(name))}"
        f" --docker-server={quoted(host)}"
        f" --docker-username={quoted(username)}"
        f" --docker-password={quoted(secret)}"
    )


def pull_secret_name(name: str) -> str:
    """A name as Kubernetes takes it (RFC 1123): small letters, digits, dashes and dots, with letters at both ends."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in name.lower()).strip("-")
    return f"{kept[:200] or 'registry'}-pull"


def quoted(text: str) -> str:
    """One word for a shell, in single quotes always: what is filled in for an example may need them."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _github_secret(secret: str) -> str:
    return f"printf '%s' {quoted(secret)} | gh secret set {VARIABLE}"


def _github_step(host: str, username: str) -> str:
    return (
        "- uses: docker/login-action@v3\n"
        "  with:\n"
        f"    registry: {yaml_quoted(host)}\n"
        f"    username: {yaml_quoted(username)}\n"
        f"    password: ${{{{ secrets.{VARIABLE} }}}}"
    )


def _gitlab_secret(secret: str) -> str:
    # --raw: GitLab would take a $ in the value for another variable.
    return f"glab variable set {VARIABLE} {quoted(secret)} --masked --raw"


def _gitlab_lines(host: str, username: str) -> str:
    login = f"docker login --username {quoted(username)} --password-stdin {quoted(host)}"
    line = f"printf '%s' \"${VARIABLE}\" | {login}"
    return f"before_script:\n  - {yaml_quoted(line)}"


def yaml_quoted(text: str) -> str:
    """A YAML string in single quotes, in which only the quote itself is special."""
    return "'" + text.replace("'", "''") + "'"


def _containerd(host: str, username: str, secret: str) -> str:
    return (
        "# containerd 2; for containerd 1 the table is\n"
        f'# [plugins."io.containerd.grpc.v1.cri".registry.configs."{host}".auth]\n'
        f'[plugins."io.containerd.cri.v1.images".registry.configs."{host}".auth]\n'
        f"  username = {json.dumps(username, ensure_ascii=False)}\n"
        f"  password = {json.dumps(secret)}"
    )


def _auth_file(host: str, username: str, secret: str) -> str:
    pair = base64.b64encode(f"{username}:{secret}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": pair}}}, indent=2)
