"""What REDIS_URL says: one server, or Sentinels and the master they watch."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from accounts.redis.pools import BROKER, ProcessPool, broker, client, endpoints, watched
from registry_portal import env
from registry_portal.cache import ForgivingRedisCache, breaker
from stack.paths import ROOT
from stack.services.redis_server import redis_url
from testbed.services import PASSWORD
from tests.support.services.sentinels import SENTINEL, Sentinels, start_sentinels


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    found = start_sentinels(tmp_path_factory.mktemp("sentinels"))
    yield found
    found.stop()


def test_an_address_of_sentinels_is_read_with_case_escapes_and_both_passwords() -> None:
    found = watched(
        "redis+sentinel://u%40x:p%2C%2Fw@One.example,[2001:db8::1]:5000/My_Master/3?sentinel_password=a%26b&servers=r1,r2:7000"
    )
    assert found is not None
    assert found.sentinels == (("one.example", 26379), ("2001:db8::1", 5000))
    assert (found.master, found.database) == ("My_Master", 3)
    assert (found.login.username, found.login.password, found.sentinel_password) == ("u@x", "p,/w", "a&b")
    assert found.servers == (("r1", 6379), ("r2", 7000))


def test_no_import_may_go_to_a_sentinel_or_to_a_server_that_it_may_choose() -> None:
    assert endpoints("redis+sentinel://:p@s1,s2:26380/main?servers=r1,r2:7000") == [
        ("s1", 26379), ("s2", 26380), ("r1", 6379), ("r2", 7000), ("s1", 6379), ("s2", 6379),
    ]  # fmt: skip
    assert endpoints("redis://:p@redis.internal/0") == [("redis.internal", 6379)]


def test_the_broker_is_told_every_sentinel_with_all_that_it_needs() -> None:
    url, options = broker("redis+sentinel://:p%2Fw@s1,[::1]:5000/main/2?sentinel_password=secret")
    assert url == "sentinel://:p%2Fw@s1:26379/2;sentinel://:p%2Fw@[::1]:5000/2"
    assert options["master_name"] == "main"
    assert options["sentinel_kwargs"]["password"] == "secret"
    assert broker("redis://:p@h:1/0") == ("redis://:p@h:1/0", BROKER)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis+sentinel://:hunter2@s1", "the name of the master is missing"),
        ("redis+sentinel://:hunter2@/main", "a host's name is missing"),
        ("redis+sentinel://:hunter2@s1,,s2/main", "a host's name is missing"),
        ("redis+sentinel://:hunter2@s1/main/zero", "is not a number"),
        ("redis+sentinel://:hunter2@s1/main?sentinel_pasword=hunter2", "there is no sentinel_pasword"),
        ("redis+sentinel://:hunter2,s1/main", "port is not a number"),
    ],
)
def test_what_can_not_be_read_is_told_without_the_password(url: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"REDIS_URL can't be read: .*{sentence}") as raised:
        env.read("REDIS_URL", broker, url)
    assert "hunter2" not in str(raised.value)


def test_the_master_is_asked_with_both_passwords_and_a_sentinel_that_is_away_is_passed_over(
    sentinels: Sentinels,
) -> None:
    sentinels.watching[0].running.kill()
    try:
        with client(sentinels.url, socket_timeout=5) as asked:
            asked.set("greeting", "here")
    finally:
        sentinels.watching[0].running.start()
    with redis.Redis.from_url(redis_url(sentinels.master_port(), PASSWORD)) as master:
        assert master.get("greeting") == b"here"
    wrong = sentinels.url.replace("sentinel_password=", "sentinel_password=not-")
    with client(wrong) as asked, pytest.raises(redis.RedisError):
        asked.ping()


def test_the_cache_knows_nothing_while_there_is_no_master_and_goes_on_with_the_next_one(
    sentinels: Sentinels,
) -> None:
    cache = ForgivingRedisCache(
        [sentinels.url], {"OPTIONS": {"pool_class": ProcessPool, "socket_timeout": 5}}
    )
    cache.set("before", 1)
    assert cache.get("before") == 1
    sentinels.master.running.kill()
    assert cache.get("before", "unknown") == "unknown"
    sentinels.until_failed_over()
    breaker.close()
    cache.set("after", 2)
    assert cache.get("after") == 2
    with client(sentinels.url) as asked:
        assert asked.connection_pool.get_connection().port == sentinels.replica.port


def test_what_the_guide_tells_to_write_is_what_is_tried_here() -> None:
    guide = (
        (ROOT / "docs" / "operation.md").read_text(encoding="utf-8").partition("### Redis with Sentinel")[2]
    )
    address, told = re.findall(r"^```\n(.*?)^```", guide.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    found = watched(address.strip().removeprefix("REDIS_URL="))
    assert found is not None
    assert found.master == "portal"
    assert [found.login.password, found.sentinel_password] == ["PASSWORD", "OTHER"]
    assert found.servers == (("redis-1", 6379), ("redis-2", 6379))
    assert _directives(told) == _directives(SENTINEL) - {"bind", "port", "dir"}


def _directives(configuration: str) -> set[str]:
    return {re.sub(r"^(sentinel \S+|\S+).*", r"\1", line) for line in configuration.splitlines()}
