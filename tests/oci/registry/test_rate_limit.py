"""What registries tell of their limits, and what all that share an account know of it."""

from __future__ import annotations

import time

import pytest

from oci.errors import OciError
from oci.registry.rate_limit import LocalRateLimits, RateLimit
from oci.registry.repository import Repository
from testbed.scripted_registry import ScriptedRegistry, too_many
from tests.oci.copying import Recorder, client
from tests.oci.registry.reading import IMAGE, get_image


def test_what_one_client_was_told_holds_for_all_with_the_same_account(source: ScriptedRegistry) -> None:
    shared = LocalRateLimits()
    source.rule("GET", "/manifests/", too_many("1800"), times=1)
    with pytest.raises(OciError):
        get_image(source, rate_limits=shared)
    before = len(source.requests)
    with pytest.raises(OciError) as caught:
        get_image(source, rate_limits=shared)
    assert caught.value.code == "rate_limited"
    assert 1700 < (caught.value.retry_after or 0) <= 1800
    assert len(source.requests) == before


def test_a_block_that_ends_soon_is_waited_for(source: ScriptedRegistry) -> None:
    shared = LocalRateLimits()
    reader = client(source, rate_limits=shared)
    shared.block(reader.registry, "", time.time() + 0.5)
    observer = Recorder()
    started = time.monotonic()
    assert get_image(source, rate_limits=shared, on_wait=observer.waiting)
    assert time.monotonic() - started > 0.4
    assert observer.waits


def test_the_quota_that_a_registry_tells_is_kept(source: ScriptedRegistry) -> None:
    source.extra_headers = [("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")]
    source.add_image("library/app", "v1", IMAGE)
    reader = client(source)
    Repository(reader, "library/app").get_manifest("v1")
    assert reader.rate_limit == RateLimit(100, 76, 21600)


@pytest.mark.parametrize("value", ["", "many", "1;w=", "-5", "1" * 50])
def test_a_quota_without_sense_is_passed_over(source: ScriptedRegistry, value: str) -> None:
    source.extra_headers = [("ratelimit-limit", value), ("ratelimit-remaining", "1")]
    source.add_image("library/app", "v1", IMAGE)
    reader = client(source)
    Repository(reader, "library/app").get_manifest("v1")
    assert reader.rate_limit is None
