"""A scripted source and target, a worker that is this very process, and a client of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from imageimport.models import ImportTask
from imageimport.worker import attempt, leases
from testbed.scripted_registry import ScriptedRegistry
from tests.support.fresh import fresh_memory

__all__ = ["fresh_memory"]


@pytest.fixture
def api() -> APIClient:
    return APIClient()


@pytest.fixture
def source(settings: Any) -> Iterator[ScriptedRegistry]:
    """A registry on loopback that imports may read."""
    with ScriptedRegistry() as registry:
        settings.IMPORT_PRIVATE_SOURCES = [registry.server_name]
        settings.IMPORT_INSECURE_SOURCES = [registry.server_name]
        settings.OWN_ENDPOINTS = []
        assert isinstance(registry, ScriptedRegistry)
        yield registry


@pytest.fixture
def target(settings: Any) -> Iterator[ScriptedRegistry]:
    """The portal's own registry."""
    with ScriptedRegistry() as registry:
        settings.REGISTRY_URL = registry.url
        settings.REGISTRY_PUBLIC_HOST = registry.server_name
        settings.REGISTRY_AUTH = "none"
        assert isinstance(registry, ScriptedRegistry)
        yield registry


@pytest.fixture
def work() -> Callable[[], list[ImportTask]]:
    """Do every import that may start, here and now; returns all tasks. Needs ``django_db(transaction=True)``."""

    def run() -> list[ImportTask]:
        while (lease := leases.claim(worker="test:1")) is not None:
            attempt.run(lease)
        return list(ImportTask.objects.order_by("created_at", "id"))

    return run
