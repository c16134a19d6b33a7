"""Rules of sources, and the way that one of them gives a host. Tests name ``no_environment`` in their ``__all__``."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import SourceRule
from imageimport.registries import clients
from imageimport.sources import services


@pytest.fixture(autouse=True)
def no_environment(settings: Any) -> None:
    for name in ("IMPORT_PRIVATE_SOURCES", "IMPORT_INSECURE_SOURCES", "IMPORT_MIRRORS_ONLY", "OWN_ENDPOINTS"):
        setattr(settings, name, [])
    settings.IMPORT_PROXIES, settings.IMPORT_REGISTRY_MIRRORS = (), {}


def make(pattern: str, **values: Any) -> SourceRule:
    return services.create(user=None, pattern=pattern, **values)


def proxy_of(host: str) -> str:
    found = clients.import_door().proxy_for(host, 443, tls=True)
    return found.name if found else "direct"
