"""Whether the registry answers is asked rarely."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches

from projects.registry import health
from testbed.services import RegistryServer
from tests.oci.listeners import closed_port


def test_a_registry_that_is_there_answers_and_one_that_is_not_does_not(
    registry: RegistryServer, settings: Any
) -> None:
    settings.REGISTRY_URL = registry.url
    assert health.registry_answers()
    settings.REGISTRY_URL = f"http://127.0.0.1:{closed_port()}"
    assert not health.registry_answers()


def test_its_answer_is_remembered_and_the_old_one_given_while_one_looks(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REGISTRY_URL = "http://registry.test"
    looks: list[str] = []

    def knock(url: str) -> bool:
        looks.append(url)
        assert health.registry_answers() is (len(looks) == 1), "as it was before"
        return len(looks) > 1

    monkeypatch.setattr(health, "_knock", knock)
    assert [health.registry_answers() for _ in range(3)] == [False] * 3
    assert len(looks) == 1
    caches["local"].delete(f"registry:looked:{settings.REGISTRY_URL}")
    assert health.registry_answers()
    assert len(looks) == 2
