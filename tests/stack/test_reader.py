"""The services that tests stand on are real, and answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from stack.reader import Reader, ReadError
from stack.sample import sample_image
from testbed.images import random_image
from testbed.services import RedisServer, RegistryServer


def test_redis_takes_its_password_and_nothing_else(redis_server: RedisServer) -> None:
    assert redis.Redis.from_url(redis_server.url).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=redis_server.port, password="wrong").ping()


def test_redis_keeps_its_data_over_a_restart(make_redis: Callable[[], RedisServer]) -> None:
    server = make_redis()
    redis.Redis.from_url(server.url).set("kept", "yes")
    server.running.restart()
    assert redis.Redis.from_url(server.url).get("kept") == b"yes"


def test_a_registry_gives_back_what_was_pushed(registry: RegistryServer) -> None:
    image = sample_image()
    assert registry.push("services/sample", "1", image) == image.digest
    found = registry.verify("services/sample", "1")
    assert (found.digest, found.manifests, found.blobs) == (image.digest, 3, 6)


def test_a_registry_with_accounts_refuses_strangers(basic_registry: RegistryServer) -> None:
    image = random_image([4096])
    basic_registry.push("services/private", "1", image)
    assert basic_registry.verify("services/private", "1").digest == image.digest
    with pytest.raises(ReadError, match="401"):
        Reader(basic_registry.url).verify("services/private", "1")


def test_the_reader_notices_a_damaged_blob(make_registry: Callable[..., RegistryServer]) -> None:
    server, image = make_registry(), random_image([4096])
    server.push("services/damaged", "1", image)
    server.blob_path(image.blobs[1].digest).write_bytes(b"x" * 4096)
    with pytest.raises(ReadError, match="turned out to be"):
        server.verify("services/damaged", "1")
