"""Two images of forty layers and thousands of packages, side by side."""

from __future__ import annotations

import time
from typing import Any

import pytest

from oci.registry.repository import Repository
from projects.contents.comparing import compare
from projects.models import Image as Row
from stack.sample import Image, file_layer
from testbed.services import RegistryServer
from tests.projects.api.test_contents import attested
from tests.support.content.inside import made, row_of, statement
from tests.support.fresh import fresh_memory
from tests.support.people import Team, make_user

__all__ = ["fresh_memory"]

pytestmark = pytest.mark.django_db
LAYERS = 40
PACKAGES = 3000


def large(number: int) -> Image:
    """The first half of its layers and most packages are those of any other number."""
    layers = [
        file_layer({"file": f"{index} {number * (index >= LAYERS // 2)}".encode()}) for index in range(LAYERS)
    ]
    config = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Env": [f"NUMBER={number}"]},
        "history": [{"created_by": f"RUN {index}"} for index in range(LAYERS)],
    }
    packages = [
        {"name": f"package-{index}", "versionInfo": f"1.{number if index % 100 == 0 else 0}"}
        for index in range(PACKAGES)
    ]
    document = {"spdxVersion": "SPDX-2.3", "packages": packages}
    return attested(made(config, layers), statement(document, "https://spdx.dev/Document"))


@pytest.fixture
def rows(registry: RegistryServer, settings: Any) -> list[Row]:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    team = Team.make("compared")
    found = []
    for number in (1, 2):
        image = large(number)
        registry.push("compared/app", str(number), image)
        found.append(row_of(team.project, "app", str(number), image))
    return found


def test_forty_layers_are_compared_in_two_seconds_and_again_without_a_document_being_read(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = rows
    reader = make_user("reader")
    began = time.process_time()
    first = compare(newer, reader, str(older.pk))
    assert time.process_time() - began < 2
    assert [len(kind) for kind in (first.layers.kept, first.layers.added, first.layers.removed)] == [
        20,
        20,
        20,
    ]
    assert first.packages is not None
    assert len(first.packages.changed) == PACKAGES // 100

    def read(*_: object) -> None:
        raise AssertionError("It was read a moment ago.")

    # What is attached is asked for each time: that may be another a moment later.
    for name in ("get_manifest", "read_blob", "open_blob"):
        monkeypatch.setattr(Repository, name, read)
    again = compare(newer, reader, str(older.pk))
    assert (again.layers, again.config, again.packages) == (first.layers, first.config, first.packages)
    back = compare(older, reader, str(newer.pk))
    assert (back.layers.added, back.layers.removed) == (first.layers.removed, first.layers.added)
