"""A source with one large layer, and the reading ahead of it that leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from oci.copy.ranges.reading_ahead import SharedReading
from oci.registry.connections import LocalConnections
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copy.ranges.part_answers import IMAGE


@pytest.fixture
def reading() -> Iterator[SharedReading]:
    """What it held and opened is given back in the end."""
    made = SharedReading(connections=(connections := LocalConnections()))
    yield made
    assert made.memory._held == 0
    assert not +connections._open
    assert not [each.name for each in threading.enumerate() if each.name == "reading ahead"]


@pytest.fixture
def source(make_scripted: Callable[..., ScriptedRegistry]) -> ScriptedRegistry:
    made = make_scripted()
    made.add_image("library/app", "v1", IMAGE)
    return made
