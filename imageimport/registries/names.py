"""The one name of a registry, whatever it was typed as: in rules, in lists of the environment, in references."""

from __future__ import annotations

from typing import Final

from oci.egress.hosts import bracketed, split_host_port
from oci.reference.parser import normalise_registry

#: Ports that a registry's name need not say.
_DEFAULT_PORTS: Final = (443, 80)


def registry_name(text: str) -> str:
    """The one name of a registry, whatever zeros its port or its IPv6 address is written with: Docker Hub's aliases are
    ``docker.io``, and a usual port is not said.

    :raises OciError: it is no host.
    """
    host, port = split_host_port(text.lower())
    name = bracketed(host)
    return normalise_registry(name if port in (None, *_DEFAULT_PORTS) else f"{name}:{port}")
