"""A registry has one name, however it is written."""

from __future__ import annotations

import pytest

from imageimport.registries.names import registry_name
from oci.errors import OciError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("GHCR.io", "ghcr.io"),
        ("ghcr.io:443", "ghcr.io"),
        ("ghcr.io:080", "ghcr.io"),
        ("registry.example:05000", "registry.example:5000"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io:443", "docker.io"),
        ("[0:0::1]:5000", "[::1]:5000"),
        ("10.0.0.5", "10.0.0.5"),
    ],
)
def test_a_registry_has_one_name(text: str, name: str) -> None:
    assert registry_name(text) == name
    assert registry_name(name) == name


@pytest.mark.parametrize("text", ["", "*", "a b", "https://ghcr.io", "ghcr.io/a", "10.1", "ghcr.io:0"])
def test_what_is_no_host_names_no_registry(text: str) -> None:
    with pytest.raises(OciError):
        registry_name(text)
