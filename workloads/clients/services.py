"""A client's configuration for a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from oci.errors import OciError
from oci.reference.parser import normalise_registry, parse_reference
from projects import services as project_services
from projects.models import Project, Robot
from projects.registry.public import is_secure
from workloads.clients.configurations import CLIENTS, Account, Setup, configuration

#: What a configuration is for where nothing is said.
USUAL: Final = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")
MAX_REGISTRIES: Final = 50
DEFAULT: Final = "containerd"


def make(
    *, project: Project, clients: Sequence[str], registries: Sequence[str], account: Account | None = None
) -> str:
    """The configurations, one after the other.

    :param clients: of :data:`~workloads.clients.configurations.CLIENTS`.
    :param registries: empty: :data:`USUAL`.
    :param account: what signs in; None: placeholders.
    :raises FieldErrors: on ``for`` or ``registries``.
    """
    if not clients or any(client not in CLIENTS for client in clients):
        known = ", ".join(CLIENTS)
        raise FieldErrors({"for": [_("Choose one or more of these: %(known)s.") % {"known": known}]})
    setup = Setup(
        host=settings.REGISTRY_PUBLIC_HOST,
        secure=is_secure(),
        project=project.name,
        full=project.naming == Project.Naming.FULL,
        registries=_read(registries),
        account=account or Account(),
    )
    return "\n".join(configuration(client, setup) for client in dict.fromkeys(clients))


def new_robot(*, project: Project, by: User, name: str) -> Account:
    """Make a robot account that pulls, for a configuration.

    :raises FieldErrors: on ``name``.
    """
    robot, secret = project_services.create_robot(project=project, by=by, name=name, access=Robot.Access.PULL)
    return Account(robot.login, secret)


def _read(registries: Sequence[str]) -> tuple[str, ...]:
    """The registries' names, as the portal writes them.

    :raises FieldErrors: on ``registries``.
    """
    names = [name.strip() for name in registries if name.strip()] or list(USUAL)
    if len(names) > MAX_REGISTRIES:
        raise FieldErrors(
            {"registries": [_("Enter at most %(limit)d registries.") % {"limit": MAX_REGISTRIES}]}
        )
    found: list[str] = []
    for name in names:
        try:
            registry = parse_reference(f"{name}/image").registry
        except OciError:
            registry = ""
        if not registry or normalise_registry(name).lower() != registry.lower():
            sentence = _(
                "%(name)s is not the name of a registry, such as docker.io or registry.example.com:5000."
            )
            raise FieldErrors({"registries": [sentence % {"name": name[:100]}]})
        found.append(registry.lower())
    return tuple(dict.fromkeys(found))
