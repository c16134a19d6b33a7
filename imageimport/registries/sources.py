"""The operators' table of sources: by which proxies, mirrors and exceptions registries are read.

The rules of the environment come first, then those of the portal's own table, in order. Each thing that a rule may say
is decided by the first rule that fits and says it; what may be private or insecure is so where any rule says it. Every
process reads the table again after :data:`LOOK_AGAIN`, so a change is obeyed by running workers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from accounts.sealed import Sealed, Unreadable
from imageimport.models import SourceRule
from imageimport.registries.names import registry_name
from oci import redaction
from oci.egress.hosts import split_host_port
from oci.egress.proxies import EnvironmentProxies, HostPattern, Proxy, ProxyRule, Way, parse_way
from oci.errors import OciError
from oci.reference.parser import connect_host
from oci.registry.auth.credentials import Credential

log = structlog.get_logger(__name__)

#: Seconds for which a process believes what it has read.
LOOK_AGAIN: Final = 3.0


@dataclass(frozen=True, slots=True)
class Mirror:
    """One place that is asked before the registry itself."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)

    def credential(self, registry: str) -> Credential | None:
        """What signs in there on behalf of the portal; None asks anonymously."""
        if not self.password:
            return None
        return Credential(host=registry, username=self.username, password=self.password)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row, from wherever. ``proxy`` is what is shown: without a password; empty where nothing is said."""

    id: UUID
    position: int
    pattern: HostPattern
    origin: Literal["environment", "portal"]
    proxy: str = ""
    way: Way = None
    mirrors: tuple[Mirror, ...] = ()
    mirrors_only: bool = False
    private: bool = False
    insecure: bool = False

    def fits(self, registry: str) -> bool:
        """Whether a registry's name, or the host by which it is contacted, fits the pattern."""
        return any(self.pattern.matches(*_host(name)) for name in (registry, connect_host(registry)))


class _Table:
    """What this process has read."""

    rules: tuple[Rule, ...] | None = None
    #: Until when it is believed, on the monotonic clock.
    until = 0.0


_table: Final = _Table()


def forget() -> None:
    """Read the table again at the next question."""
    _table.until = 0.0


def portal_rules() -> tuple[Rule, ...]:
    """The table's own rules, as they were a moment ago; with the database away, as they were last."""
    now = time.monotonic()
    if _table.rules is None or now >= _table.until:
        try:
            _table.rules = tuple(map(_rule, SourceRule.objects.prefetch_related("mirrors")))
        except (OperationalError, InterfaceError):
            if _table.rules is None:
                raise
            log.warning("sources.not_read")
        redaction.keep(_secrets(_table.rules))
        _table.until = now + LOOK_AGAIN
    return _table.rules


def proxy_rules() -> tuple[ProxyRule, ...]:
    """For :class:`oci.egress.policy.EgressPolicy`."""
    own = (ProxyRule(rule.pattern, rule.way) for rule in portal_rules() if rule.proxy)
    return (*settings.IMPORT_PROXIES, *own)


def private_sources() -> tuple[str, ...]:
    """For :class:`oci.egress.policy.EgressPolicy`."""
    return (*settings.IMPORT_PRIVATE_SOURCES, *(r.pattern.text for r in portal_rules() if r.private))


def insecure_sources() -> tuple[str, ...]:
    """For :class:`oci.egress.policy.EgressPolicy`."""
    return (*settings.IMPORT_INSECURE_SOURCES, *(r.pattern.text for r in portal_rules() if r.insecure))


def mirrors_of(registry: str) -> tuple[Mirror, ...]:
    """Where a registry is read first, in order."""
    named = settings.IMPORT_REGISTRY_MIRRORS.get(_name(registry), ())
    if named:
        return tuple(Mirror(url) for url in named)
    return next((rule.mirrors for rule in portal_rules() if rule.mirrors and rule.fits(registry)), ())


def is_mirrors_only(registry: str) -> bool:
    """Whether a registry is never contacted itself."""
    if _name(registry) in map(_name, settings.IMPORT_MIRRORS_ONLY):
        return True
    return any(rule.mirrors_only and rule.fits(registry) for rule in portal_rules())


def all_rules() -> tuple[Rule, ...]:
    """All that hold, in order, for people: those of the environment first."""
    return (*environment_rules(), *portal_rules())


def environment_rules() -> tuple[Rule, ...]:
    """What the settings say, a rule for each pattern; proxies first, since their order counts."""
    says: dict[str, dict[str, object]] = {}

    def add(pattern: str, **more: object) -> None:
        text = HostPattern.parse(pattern).text
        row = says.setdefault(text, {})
        row |= {name: value for name, value in more.items() if name not in row}

    for rule in settings.IMPORT_PROXIES:
        add(rule.pattern.text, proxy=shown_way(rule.way), way=rule.way)
    for registry, urls in settings.IMPORT_REGISTRY_MIRRORS.items():
        add(registry, mirrors=tuple(Mirror(url) for url in urls))
    for name, column in (
        ("IMPORT_MIRRORS_ONLY", "mirrors_only"),
        ("IMPORT_PRIVATE_SOURCES", "private"),
        ("IMPORT_INSECURE_SOURCES", "insecure"),
    ):
        for entry in getattr(settings, name):
            add(entry, **{column: True})
    return tuple(
        Rule(
            id=uuid5(NAMESPACE_URL, f"environment:{text}"),
            position=number,
            pattern=HostPattern.parse(text),
            origin="environment",
            **row,  # type: ignore[arg-type]
        )
        for number, (text, row) in enumerate(says.items(), start=1)
    )


def shown_way(way: Way) -> str:
    """A way as it is written, without a password."""
    if way is None:
        return "direct"
    if isinstance(way, EnvironmentProxies):
        return "environment"
    account = f"{quote(way.username, safe='')}@" if way.username else ""
    return f"{way.scheme}://{account}{way.name}"


def _rule(row: SourceRule) -> Rule:
    way = parse_way(row.proxy, os.environ) if row.proxy else None
    if isinstance(way, Proxy):
        way = Proxy(way.scheme, way.host, way.port, way.username, _opened(row.proxy_password, row))
    return Rule(
        id=row.pk,
        position=row.position,
        pattern=HostPattern.parse(row.pattern),
        origin="portal",
        proxy=row.proxy,
        way=way,
        mirrors=tuple(
            Mirror(mirror.url, mirror.username, _opened(mirror.password, row)) for mirror in row.mirrors.all()
        ),
        mirrors_only=row.mirrors_only,
        private=row.private,
        insecure=row.insecure,
    )


def _opened(sealed: Sealed, row: SourceRule) -> str:
    """A password; empty where no key opens it: proxy or mirror then say that they want one."""
    try:
        return sealed.reveal()
    except Unreadable:
        log.warning("sources.unreadable", source=row.pattern)
        return ""


def _secrets(rules: Iterable[Rule]) -> set[tuple[str, str]]:
    """Passwords with their user names."""
    ways: list[Way] = [*(rule.way for rule in settings.IMPORT_PROXIES), *(rule.way for rule in rules)]
    ways += [each for way in ways if isinstance(way, EnvironmentProxies) for each in (way.https, way.http)]
    found = {(way.password, way.username) for way in ways if isinstance(way, Proxy)}
    return found | {(mirror.password, mirror.username) for rule in rules for mirror in rule.mirrors}


def _name(registry: str) -> str:
    """The one name of a registry; what is no host has none but itself."""
    try:
        return registry_name(registry)
    except OciError:
        return registry.lower()


def _host(name: str) -> tuple[str, int | None]:
    """Host and port of a registry's name; what is no host fits no pattern."""
    try:
        return split_host_port(name)
    except OciError:
        return name, None
