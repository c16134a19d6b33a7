"""Counts and memories of one process, forgotten between tests; import the fixture into a conftest."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from accounts import once, throttling
from imageimport.registries import rate_limits
from oci.registry import listing


@pytest.fixture(autouse=True)
def fresh_memory(settings: Any) -> Iterator[None]:
    """Each test begins with a cache of its own and without failed sign-ins."""
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": uuid.uuid4().hex}}
    throttling.local.clear()
    once.forget_all()
    rate_limits.forget()
    listing._lacking.clear()
    yield
    throttling.local.clear()
    once.forget_all()
    rate_limits.forget()
