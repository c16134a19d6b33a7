"""Configurations that make clients take images from a project instead of from their registries: ready to use.

Pure: text out. A client asks for ``docker.io/library/nginx`` and gets ``<host>/<project>/docker.io/library/nginx``;
so the project's images need full names (``Project.Naming.FULL``). Several files of one configuration are parted by
lines ``# file: <path>``.

Sources: containerd ``docs/hosts.md``; containers-registries.conf(5); K3s "Private Registry Configuration"; OpenShift
``ImageDigestMirrorSet`` and ``ImageTagMirrorSet`` (config.openshift.io/v1); Kyverno "Mutate Rules"; Docker Engine's
``registry-mirrors``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from oci.reference.parser import DOCKER_HUB, DOCKER_HUB_HOST


@dataclass(frozen=True, slots=True)
class Account:
    """What signs in; placeholders where none was made."""

    username: str = "<robot>"
    secret: str = "<secret>"

    @property
    def basic(self) -> str:
        """As HTTP Basic and Docker's ``auth`` want it: Base64 of name and secret."""
        return base64.b64encode(f"{self.username}:{self.secret}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Setup:
    """What all configurations are made of.

    :param host: the portal's registry, ``host[:port]``.
    :param secure: whether it speaks HTTPS.
    :param project: whose images.
    :param full: whether its new imports get full names.
    :param registries: to be taken from here, such as ``docker.io``.
    """

    host: str
    secure: bool
    project: str
    full: bool
    registries: tuple[str, ...]
    account: Account = Account()

    @property
    def url(self) -> str:
        """The URL of the registry, without a slash at its end."""
        return f"{'https' if self.secure else 'http'}://{self.host}"

    def path(self, registry: str) -> str:
        """The repository prefix under which images of ``registry`` are in the project."""
        return f"{self.project}/{registry.replace(':', '__')}"


def configuration(client: str, setup: Setup) -> str:
    """The files for one of :data:`CLIENTS`, with comments that say what else is needed."""
    return "".join((*_head(client, setup), *CLIENTS[client].files(setup)))


def _head(client: str, setup: Setup) -> list[str]:
    lines = [
        _("Images of %(registries)s for %(client)s, from the project %(project)s at %(host)s.")
        % {
            "registries": ", ".join(setup.registries),
            "client": CLIENTS[client].label,
            "project": setup.project,
            "host": setup.host,
        }
    ]
    if not setup.full:
        lines.append(
            _(
                "The project gives new imports short names. Set its naming to full: clients ask for full names, "
                "such as %(name)s."
            )
            % {"name": f"{setup.project}/docker.io/library/nginx"}
        )
    return [f"# {line}\n" for line in lines]


def _file(path: str, lines: Sequence[str]) -> str:
    return f"# file: {path}\n" + "".join(f"{line}\n" for line in lines)


def _toml(text: str) -> str:
    """A basic string; JSON escapes what TOML escapes."""
    return json.dumps(text)


def _containerd(setup: Setup) -> list[str]:
    files = []
    for registry in setup.registries:
        server = DOCKER_HUB_HOST if registry == DOCKER_HUB else registry
        files.append(
            _file(
                f"/etc/containerd/certs.d/{registry}/hosts.toml",
                [
                    f"server = {_toml(f'https://{server}')}",
                    "",
                    f"[host.{_toml(f'{setup.url}/v2/{setup.path(registry)}')}]",
                    '  capabilities = ["pull", "resolve"]',
                    "  override_path = true",
                ],
            )
        )
    files.append(
        _file(
            "/etc/containerd/config.toml",
            [
                "version = 2",
                "",
                '[plugins."io.containerd.grpc.v1.cri".registry]',
                '  config_path = "/etc/containerd/certs.d"',
                f'[plugins."io.containerd.grpc.v1.cri".registry.configs.{_toml(setup.host)}.auth]',
                f"  username = {_toml(setup.account.username)}",
                f"  password = {_toml(setup.account.secret)}",
            ],
        )
    )
    return files


def _podman(setup: Setup) -> list[str]:
    lines = []
    for registry in setup.registries:
        lines += [
            "[[registry]]",
            f"prefix = {_toml(registry)}",
            f"location = {_toml(registry)}",
            "",
            "[[registry.mirror]]",
            f"location = {_toml(f'{setup.host}/{setup.path(registry)}')}",
            f"insecure = {'false' if setup.secure else 'true'}",
            "",
        ]
    return [
        _file("/etc/containers/registries.conf.d/50-registry-portal.conf", lines),
        _file("/root/.config/containers/auth.json", _auth_file(setup)),
        _file(
            "/etc/crio/crio.conf.d/50-registry-portal.conf",
            ["[crio.image]", 'global_auth_file = "/root/.config/containers/auth.json"'],
        ),
    ]


def _auth_file(setup: Setup) -> list[str]:
    return json.dumps({"auths": {setup.host: {"auth": setup.account.basic}}}, indent=2).splitlines()


def _k3s(setup: Setup) -> list[str]:
    lines = ["mirrors:"]
    for registry in setup.registries:
        lines += [
            f"  {json.dumps(registry)}:",
            "    endpoint:",
            f"      - {json.dumps(setup.url)}",
            "    rewrite:",
            f"      {json.dumps('^(.*)$')}: {json.dumps(f'{setup.path(registry)}/$1')}",
        ]
    lines += [
        "configs:",
        f"  {json.dumps(setup.host)}:",
        "    auth:",
        f"      username: {json.dumps(setup.account.username)}",
        f"      password: {json.dumps(setup.account.secret)}",
    ]
    return [_file("/etc/rancher/k3s/registries.yaml", lines)]


def _docker(setup: Setup) -> list[str]:
    comments = [
        _(
            "Docker Engine mirrors Docker Hub only, and only from the root of a host, so it can't mirror a project."
        ),
        _("Use the image's name in this registry instead:"),
        f"  docker pull {setup.host}/{setup.path(setup.registries[0])}/<repository>:<tag>",
        _("Or let Docker Engine use containerd's image store, and take the configuration for containerd."),
    ]
    daemon = {} if setup.secure else {"insecure-registries": [setup.host]}
    return [
        *(f"# {line}\n" for line in comments),
        _file("/etc/docker/daemon.json", json.dumps(daemon, indent=2).splitlines()),
        _file("/root/.docker/config.json", _auth_file(setup)),
    ]


def _openshift(setup: Setup) -> list[str]:
    lines = []
    for kind, key in (
        ("ImageDigestMirrorSet", "imageDigestMirrors"),
        ("ImageTagMirrorSet", "imageTagMirrors"),
    ):
        lines += [
            "---",
            "apiVersion: config.openshift.io/v1",
            f"kind: {kind}",
            "metadata:",
            f"  name: {json.dumps(_object_name(setup))}",
            "spec:",
            f"  {key}:",
        ]
        for registry in setup.registries:
            lines += [
                f"    - source: {json.dumps(registry)}",
                "      mirrors:",
                f"        - {json.dumps(f'{setup.host}/{setup.path(registry)}')}",
                "      mirrorSourcePolicy: AllowContactingSource",
            ]
    advice = _("Add the account of pull-secret.json to the secret openshift-config/pull-secret.")
    return [
        _file("mirrors.yaml", lines),
        _file("pull-secret.json", _auth_file(setup)),
        "# oc apply -f mirrors.yaml\n",
        f"# {advice}\n",
    ]


def _kyverno(setup: Setup) -> list[str]:
    lines = [
        "apiVersion: kyverno.io/v1",
        "kind: ClusterPolicy",
        "metadata:",
        f"  name: {json.dumps(_object_name(setup))}",
        "spec:",
        "  rules:",
    ]
    for registry in setup.registries:
        for list_name in ("containers", "initContainers", "ephemeralContainers"):
            lines += _kyverno_rule(setup, registry, list_name)
    return [_file("policy.yaml", lines), "# kubectl apply -f policy.yaml\n"]


def _kyverno_rule(setup: Setup, registry: str, list_name: str) -> list[str]:
    """One foreach by tag and one by digest. Kyverno leaves out ``library/``."""
    name = "".join(char if char.isalnum() else "-" for char in registry)
    image = f'images.{list_name}."{{{{element.name}}}}"'
    path = f"{{{{{image}.path}}}}"
    if registry == DOCKER_HUB:
        path = f"{{{{ regex_replace_all('^([^/]+)$', '{path}', 'library/$1') }}}}"
    here = f"{setup.host}/{setup.path(registry)}/{path}"
    rule = [
        f"    - name: {json.dumps(f'{name}-{list_name}'.lower()[:63])}",
        "      match:",
        "        any:",
        "          - resources:",
        "              kinds: [Pod]",
        "              operations: [CREATE, UPDATE]",
        "      mutate:",
        "        foreach:",
    ]
    for operator, ending in (("Equals", f":{{{{{image}.tag}}}}"), ("NotEquals", f"@{{{{{image}.digest}}}}")):
        rule += [
            f"          - list: {json.dumps(f'request.object.spec.{list_name}')}",
            "            preconditions:",
            "              all:",
            f"                - key: {json.dumps(f'{{{{{image}.registry}}}}')}",
            "                  operator: Equals",
            f"                  value: {json.dumps(registry)}",
            f"                - key: {json.dumps(f'{{{{{image}.digest || `` }}}}')}",
            f"                  operator: {operator}",
            '                  value: ""',
            "            patchStrategicMerge:",
            "              spec:",
            f"                {list_name}:",
            '                  - name: "{{ element.name }}"',
            f"                    image: {json.dumps(here + ending)}",
        ]
    return rule


def _object_name(setup: Setup) -> str:
    """As Kubernetes takes it (RFC 1123)."""
    kept = "".join(char if char.isalnum() else "-" for char in setup.project).strip("-")
    return f"registry-portal-{kept}"[:63].rstrip("-")


@dataclass(frozen=True, slots=True)
class Client:
    """A kind of client: its name, and what makes its files."""

    label: str
    files: Callable[[Setup], list[str]]


CLIENTS: Final[Mapping[str, Client]] = {
    "containerd": Client("containerd", _containerd),
    "podman": Client("Podman, CRI-O", _podman),
    "k3s": Client("K3s", _k3s),
    "docker": Client("Docker", _docker),
    "openshift": Client("OpenShift", _openshift),
    "kyverno": Client("Kyverno", _kyverno),
}
