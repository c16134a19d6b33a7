"""System checks for configuration that can't work (errors, always) or is not safe (warnings, with ``--deploy``).

Ids are stable: ``SILENCED_SYSTEM_CHECKS`` and monitoring may name them. docs/configuration.md lists the variables.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from oci.egress.door import Door, EgressPolicy, split_url
from oci.egress.own_endpoints import OwnEndpoints
from oci.errors import OciError
from projects.token_service.tokens import signer_of

#: Wider networks than these in IMPORT_PRIVATE_SOURCES open more than anyone means.
WIDEST = {4: 8, 6: 32}


@register(Tags.security)
def check_keys(**_: Any) -> Iterable[CheckMessage]:
    """The keys of the stored credentials."""
    if not settings.CRYPTOGRAPHY_KEYS:
        yield Error(
            "CRYPTOGRAPHY_KEYS is empty.",
            hint="Leave it out, and the portal generates a key.",
            id="portal.E001",
        )
    for position, key in enumerate(settings.CRYPTOGRAPHY_KEYS, start=1):
        if not _is_key(key):
            yield Error(
                f"Key {position} of CRYPTOGRAPHY_KEYS is not 32 bytes in URL-safe base64.",
                hint="Make one: python -c 'import base64, secrets; "
                "print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'",
                id="portal.E001",
            )
    if settings.SECRET_KEY in settings.CRYPTOGRAPHY_KEYS:
        yield Error(
            "SECRET_KEY is one of CRYPTOGRAPHY_KEYS.",
            hint="Use different secrets: one is needed by every web process, the others open stored passwords.",
            id="portal.E002",
        )


@register(Tags.security)
def check_registry(**_: Any) -> Iterable[CheckMessage]:
    """How the portal signs in at its registry."""
    if settings.REGISTRY_AUTH not in {"token", "basic", "none"}:
        yield Error(
            f"REGISTRY_AUTH is {settings.REGISTRY_AUTH!r}.",
            hint="Set it to token, basic or none.",
            id="portal.E003",
        )
    if settings.REGISTRY_AUTH == "basic" and not (settings.REGISTRY_USERNAME and settings.REGISTRY_PASSWORD):
        yield Error(
            "REGISTRY_AUTH is basic, but the portal has no account at its registry.",
            hint="Set REGISTRY_USERNAME and REGISTRY_PASSWORD (or REGISTRY_PASSWORD_FILE).",
            id="portal.E004",
        )
    if settings.REGISTRY_AUTH == "token":
        try:
            signer_of(settings.TOKEN_SERVICE_KEY, settings.TOKEN_SERVICE_CERTIFICATE)
        except ImproperlyConfigured as exc:
            yield Error(
                str(exc),
                hint="Leave both out, and the portal generates a pair; give its certificate to the registry as "
                "rootcertbundle.",
                id="portal.E005",
            )
    if urlsplit(settings.REGISTRY_URL).scheme not in {"http", "https"}:
        yield Error(
            f"REGISTRY_URL is {settings.REGISTRY_URL!r}.",
            hint="Set it to the registry's address, for example http://127.0.0.1:5000.",
            id="portal.E006",
        )


@register(Tags.security)
def check_sources(**_: Any) -> Iterable[CheckMessage]:
    """The operator's lists of what may be contacted."""
    for name, policy in (
        ("IMPORT_PRIVATE_SOURCES", EgressPolicy(private_sources=tuple(settings.IMPORT_PRIVATE_SOURCES))),
        ("WEBHOOK_PRIVATE_HOSTS", EgressPolicy(private_sources=tuple(settings.WEBHOOK_PRIVATE_HOSTS))),
        ("IMPORT_INSECURE_SOURCES", EgressPolicy(insecure_sources=tuple(settings.IMPORT_INSECURE_SOURCES))),
    ):
        try:
            Door(policy)
        except ValueError as exc:
            yield Error(
                f"{name} can't be read: {exc}",
                hint="Entries are host, host:port or, for private sources, a network such as 10.1.0.0/16.",
                id="portal.E007",
            )
    for url in sorted({url for urls in settings.IMPORT_REGISTRY_MIRRORS.values() for url in urls}):
        yield from _check_mirror(url)
    try:
        Door(EgressPolicy(own_endpoints=tuple(settings.OWN_ENDPOINTS)))
    except ValueError as exc:
        yield Error(
            f"An address of the portal's own services can't be read: {exc}",
            hint="Look at the hosts in REDIS_URL, REGISTRY_URL, REGISTRY_PUBLIC_HOST, DATABASE_URL and HOST.",
            id="portal.E010",
        )
    if settings.IMPORT_TRANSPORT not in {"registry", "docker"}:
        yield Error(
            f"IMPORT_TRANSPORT is {settings.IMPORT_TRANSPORT!r}.",
            hint="Set it to registry or docker.",
            id="portal.E008",
        )


def _check_mirror(url: str) -> Iterable[CheckMessage]:
    try:
        mirror = split_url(url)
        Door(EgressPolicy(trusted_hosts=frozenset({mirror.authority})))
        own = OwnEndpoints(settings.OWN_ENDPOINTS, lambda _host: ()).has_name(mirror.host, mirror.port)
    except (OciError, ValueError) as exc:
        yield Error(
            f"IMPORT_REGISTRY_MIRRORS can't be read: {exc}",
            hint="Entries read registry=https://mirror[,https://other], separated by semicolons.",
            id="portal.E007",
        )
        return
    if own:
        yield Error(
            f"IMPORT_REGISTRY_MIRRORS names {mirror.authority}, one of the portal's own services.",
            hint="The private registry is read by its own name, with the rights of the person who imports.",
            id="portal.E009",
        )


@register(Tags.security, deploy=True)
def check_openness(**_: Any) -> Iterable[CheckMessage]:
    """What is allowed, but opens more than a production installation should."""
    if settings.REGISTRY_AUTH == "none":
        yield Warning(
            "The private registry accepts anonymous requests.",
            hint="Let it use this portal's token service (REGISTRY_AUTH=token), or keep it out of reach.",
            id="portal.W001",
        )
    if settings.IMPORT_DOCKER_ENABLED:
        yield Warning(
            "Imports may use Docker Engine, whose connections this portal can't check.",
            hint="Set IMPORT_DOCKER_ENABLED=0 unless you need it. Its host should not reach your internal network.",
            id="portal.W002",
        )
    for name in ("IMPORT_PRIVATE_SOURCES", "WEBHOOK_PRIVATE_HOSTS"):
        for network in _networks(getattr(settings, name)):
            if network.prefixlen < WIDEST[network.version]:
                yield Warning(
                    f"{name} contains {network}, which is very wide.",
                    hint="List the registries that you mean, as host:port.",
                    id="portal.W003",
                )
    if "*" in settings.ALLOWED_HOSTS:
        yield Warning(
            "ALLOWED_HOSTS accepts every host name.",
            hint="List the host names that people use.",
            id="portal.W004",
        )


@register(Tags.security, deploy=True)
def check_clear_text(**_: Any) -> Iterable[CheckMessage]:
    """Secrets that others on the network or on this machine could read."""
    registry = urlsplit(settings.REGISTRY_URL)
    if (
        settings.REGISTRY_AUTH == "basic"
        and registry.scheme == "http"
        and not _is_loopback(registry.hostname)
    ):
        yield Warning(
            "The portal's password goes to the registry in clear text.",
            hint="Reach the registry by https, or on loopback.",
            id="portal.W005",
        )
    provider = urlsplit(settings.OIDC_SERVER_URL)
    if settings.OIDC_SERVER_URL and provider.scheme != "https" and not _is_loopback(provider.hostname):
        yield Warning(
            "OIDC_SERVER_URL is not https: anyone on the network path can sign in as any user.",
            hint="Use the provider's https address.",
            id="portal.W006",
        )
    for path in _open_to_others(settings.DATA_DIR):
        yield Warning(
            f"Others on this machine can read {path}.", hint=f"chmod -R go= {path}", id="portal.W007"
        )


def _open_to_others(data_dir: Path) -> Iterable[Path]:
    """What of the data directory is not the operator's alone. A group may pass through to files that are not its own;
    where the directory is closed, the files in it are, whatever their modes say."""
    if data_dir.is_dir() and _mode(data_dir) & stat.S_IRWXO:
        yield data_dir
    secrets_dir = data_dir / "secrets"
    found = [secrets_dir, *secrets_dir.glob("*")] if secrets_dir.is_dir() else []
    if any(_mode(path) & (stat.S_IRWXG | stat.S_IRWXO) for path in found):
        yield secrets_dir
    for path in sorted(data_dir.glob("portal.sqlite3*")):
        if _mode(data_dir) & stat.S_IRWXG and _mode(path) & stat.S_IRWXG:
            yield path


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _is_key(text: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(text)) == 32
    except (binascii.Error, ValueError):
        return False


def _networks(entries: Sequence[str]) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for entry in entries:
        if "/" in entry:
            try:
                yield ipaddress.ip_network(entry.strip(), strict=False)
            except ValueError:
                continue  # portal.E007 says so


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
