"""A client is for one registry, by whichever of its names."""

from __future__ import annotations

import pytest

from oci.errors import OciError
from oci.registry.auth.credentials import Credential, Identity
from oci.registry.client import RegistryClient
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import client


def test_a_credential_is_bound_to_its_host(source: ScriptedRegistry) -> None:
    with pytest.raises(OciError) as caught:
        client(source, credential=Credential("ghcr.io", "ada", "secret"))
    assert caught.value.code == "unauthorized"
    assert "secret" not in str(caught.value)


def test_docker_hubs_names_are_one_host() -> None:
    from tests.oci.copying import DOOR

    RegistryClient("docker.io", DOOR, identity=Identity(Credential("index.docker.io", "ada", "x")))
