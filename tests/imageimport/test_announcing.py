"""What imports in other processes add to a list of referrers is known here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imageimport import flights
from imageimport.announcing import ENTRY_CHARS, SharedAnnouncements
from oci.announced import LocalAnnouncements
from tests.support.services import RedisServer

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.fixture(autouse=True)
def redis_url(redis_server: RedisServer, settings: Any) -> Iterator[None]:
    settings.REDIS_URL = redis_server.url
    flights._redis.cache_clear()
    yield
    flights._redis.cache_clear()


def process() -> SharedAnnouncements:
    """As another process has it."""
    return SharedAnnouncements(LocalAnnouncements())


def entry(digest: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 7, **more}


def test_what_one_process_adds_the_others_know_and_no_other_list_does() -> None:
    one, other = process(), process()
    one.add("r/app@one", {DIGEST: entry(DIGEST)})
    other.add("r/app@one", {OTHER: entry(OTHER)})
    assert one.get("r/app@one") == other.get("r/app@one") == {DIGEST: entry(DIGEST), OTHER: entry(OTHER)}
    assert list(other.get("r/app@one"))[-1] == OTHER, "one's own come last"
    assert one.get("r/app@two") == {}


def test_an_entry_that_says_too_much_is_told_in_short() -> None:
    process().add("r/long@one", {DIGEST: entry(DIGEST, annotations={"note": "x" * ENTRY_CHARS})})
    assert process().get("r/long@one") == {DIGEST: entry(DIGEST)}


def test_without_redis_a_process_knows_its_own(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    flights._redis.cache_clear()
    alone = process()
    alone.add("r/away@one", {DIGEST: entry(DIGEST)})
    assert alone.get("r/away@one") == {DIGEST: entry(DIGEST)}
