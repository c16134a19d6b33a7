"""One image at a scripted registry, and a client that reads it."""

from __future__ import annotations

from typing import Any

from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import client

IMAGE = random_image([4_096], seed=51)


def get_image(registry: ScriptedRegistry, **more: Any) -> Any:
    registry.add_image("library/app", "v1", IMAGE)
    return Repository(client(registry, **more), "library/app").get_manifest("v1")
