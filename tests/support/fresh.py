"""Counts and memories of one process, forgotten between tests; import the fixture into a conftest."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from imageimport.registries import clients, sources
from oci.copy import late_mirror
from oci.registry import listing, uploads
from projects.registry import client


@pytest.fixture(autouse=True)
def fresh_memory(settings: Any) -> Iterator[None]:
    """Each test begins with a cache of its own and without failed sign-ins."""
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {
        name: {**own, "BACKEND": backend, "LOCATION": uuid.uuid4().hex}
        for name, own in (("default", {}), ("local", settings.CACHES["local"]))
    }
    sources.forget()
    listing.LACKING.clear()
    late_mirror.AWAY.clear()
    uploads.DISTRIBUTIONS.clear()
    for each in (clients, client):
        each._sign_ins.cache_clear()
    yield
    sources.forget()
