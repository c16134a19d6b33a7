"""What an SBOM's entry says of a package, and which entries are none."""

from __future__ import annotations

from typing import Any

import pytest

from oci.contents.sbom import read_packages
from tests.support.content.inside import CYCLONEDX, as_json


def test_components_within_components_are_packages_and_the_system_is_none() -> None:
    found = read_packages([as_json(CYCLONEDX)], "application/vnd.cyclonedx+json")
    assert [(each.name, each.version, each.type) for each in found] == [
        ("requests", "2.32.0", "pypi"),
        ("urllib3", "2.2", "pypi"),
    ]


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ({"group": "@scope", "name": "x", "purl": "pkg:npm/%40scope/x@1"}, "@scope/x"),
        ({"group": "org.example", "name": "x", "purl": "pkg:maven/org.example/x@1"}, "x"),
    ],
)
def test_a_scope_belongs_to_the_name_and_mavens_group_does_not(component: dict[str, Any], name: str) -> None:
    document = {"components": [{"type": "library", **component}]}
    assert [each.name for each in read_packages([as_json(document)], "x")] == [name]
