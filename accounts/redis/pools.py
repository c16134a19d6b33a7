"""Where Redis is, by ``REDIS_URL``: one server, or the one of several that Sentinels call the master. The second reads

``redis+sentinel://[user:password@]host[:port][,host[:port]…]/master[/database][?sentinel_password=…][&servers=…]``

Cache, locks and broker all follow the master: a connection that ends asks the Sentinels before it is made again
(redis.io/docs/latest/develop/reference/sentinel-clients).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.retry import Retry
from redis.sentinel import Sentinel

SCHEME: Final = "redis+sentinel"
SENTINEL_PORT: Final = 26379
REDIS_PORT: Final = 6379
#: A Sentinel answers within this, or the next one is asked. Seconds.
SENTINEL_SECONDS: Final = 1.0
#: Of the broker's connections; seconds.
BROKER: Final = {"socket_connect_timeout": 5, "socket_timeout": 30, "health_check_interval": 15}

Endpoint = tuple[str, int]


@dataclass(frozen=True)
class Login:
    """What the servers ask for; empty: nothing."""

    username: str
    password: str


@dataclass(frozen=True)
class Watched:
    """A master, and the Sentinels that say which server it is."""

    sentinels: tuple[Endpoint, ...]
    #: Servers that may become the master, as far as the URL names them.
    servers: tuple[Endpoint, ...]
    master: str
    login: Login
    database: int
    sentinel_password: str

    def for_sentinels(self) -> dict[str, Any]:
        """How each Sentinel is asked: once, since there are others."""
        return {
            "password": self.sentinel_password or None,
            "socket_connect_timeout": SENTINEL_SECONDS,
            "socket_timeout": SENTINEL_SECONDS,
            "retry": Retry(NoBackoff(), 0),
        }


def watched(url: str) -> Watched | None:
    """What a URL says of Sentinels; None where it names one server.

    :raises ValueError: it names Sentinels, and can't be read; the text is without the URL, which has a password.
    """
    scheme, _, rest = url.partition("://")
    if scheme.lower() != SCHEME:
        return None
    # urlsplit takes one host: newer releases of Python refuse brackets in the middle of several.
    place, _, query = rest.partition("?")
    there, _, path = place.partition("/")
    login, _, hosts = there.rpartition("@")
    username, _, password = login.partition(":")
    master, _, database = path.strip("/").partition("/")
    more = parse_qs(query)
    if unknown := more.keys() - {"sentinel_password", "servers"}:
        raise ValueError(f"there is no {min(unknown)} for Sentinels")
    if not master:
        raise ValueError("the name of the master is missing: redis+sentinel://host,host/name")
    if database and not database.isdecimal():
        raise ValueError("the database after the master's name is not a number")
    return Watched(
        sentinels=_endpoints(hosts, SENTINEL_PORT),
        servers=_endpoints(",".join(more["servers"]), REDIS_PORT) if "servers" in more else (),
        master=unquote(master),
        login=Login(unquote(username), unquote(password)),
        database=int(database or 0),
        sentinel_password=more.get("sentinel_password", [""])[0],
    )


def endpoints(url: str) -> list[Endpoint]:
    """Host and port of all that belongs to this Redis: no import may go there. Sentinels often stand beside servers.

    :raises ValueError: as :func:`watched`.
    """
    found = watched(url)
    if found is None:
        parts = urlsplit(url)
        return [(parts.hostname or "", parts.port or REDIS_PORT)]
    beside = [(host, REDIS_PORT) for host, _port in found.sentinels]
    return list(dict.fromkeys([*found.sentinels, *found.servers, *beside]))


def broker(url: str) -> tuple[str, dict[str, Any]]:
    """The URL that kombu takes, and the options of its transport that go with it.

    :raises ValueError: as :func:`watched`.
    """
    found = watched(url)
    if found is None:
        return url, dict(BROKER)
    name, password = quote(found.login.username, safe=""), quote(found.login.password, safe="")
    login = f"{name}:{password}@" if password else ""
    # Each with everything: whichever of them kombu takes for the first one.
    urls = [f"sentinel://{login}{_text(each)}/{found.database}" for each in found.sentinels]
    options = {**BROKER, "master_name": found.master, "sentinel_kwargs": found.for_sentinels()}
    return ";".join(urls), options


def pool(url: str, **options: Any) -> ConnectionPool:
    """Connections to the server, or to whichever server is the master.

    :param options: of each connection, such as ``socket_timeout``.
    :raises ValueError: as :func:`watched`.
    """
    found = watched(url)
    if found is None:
        return ConnectionPool.from_url(url, **options)
    asked: Any = Sentinel
    sentinel = asked(found.sentinels, sentinel_kwargs=found.for_sentinels())
    login = {"username": found.login.username or None, "password": found.login.password or None}
    master: redis.Redis = sentinel.master_for(found.master, db=found.database, **login, **options)
    return master.connection_pool


class ProcessPool:
    """For Django's cache, which makes its pools by a class, and one for each thread: an import has several threads."""

    _made: ClassVar[dict[tuple[Any, ...], ConnectionPool]] = {}

    @classmethod
    def from_url(cls, url: str, **options: Any) -> ConnectionPool:
        """This process's one :func:`pool` for ``url`` and ``options``."""
        key = (url, *sorted((name, str(value)) for name, value in options.items()))
        return cls._made.get(key) or cls._made.setdefault(key, pool(url, **options))


def client(url: str, **options: Any) -> redis.Redis:
    """A client with connections of its own, which are closed with it; takes what :func:`pool` takes."""
    return redis.Redis.from_pool(pool(url, **options))


def _endpoints(text: str, default_port: int) -> tuple[Endpoint, ...]:
    found = []
    for each in text.split(","):
        try:
            parts = urlsplit(f"//{each.strip()}")
            host, port = parts.hostname, parts.port or default_port
        except ValueError:  # whose text has what stands there: with a slip in the URL a piece of the password
            raise ValueError("a host's port is not a number") from None
        if not host:
            raise ValueError("a host's name is missing")
        found.append((host, port))
    return tuple(found)


def _text(endpoint: Endpoint) -> str:
    host, port = endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
