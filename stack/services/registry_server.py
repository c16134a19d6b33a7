"""A CNCF Distribution registry: its configuration for every way of signing in, and the service."""

from __future__ import annotations

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.services.htpasswd import htpasswd_line
from stack.services.ports import LOOPBACK
from stack.services.redis_server import write_private
from stack.services.spec import ServiceSpec, Stopping, Surroundings
from stack.services.tools import registry_program

#: Distribution calls every 404 and 401 an error; they are how clients ask what is there and how to sign in.
NOISE = re.compile(r"response completed with error|error authorizing context|authorization token required")


@dataclass(frozen=True)
class TokenAuth:
    """The registry trusts tokens of this token service."""

    realm: str
    service: str
    issuer: str
    certificate: Path


@dataclass(frozen=True)
class BasicAuth:
    """The registry knows these accounts: name to password."""

    accounts: Mapping[str, str]


@dataclass(frozen=True)
class Notifications:
    """Where the registry reports pushes, pulls and deletions, and what it shows there."""

    url: str
    token: str


@dataclass(frozen=True)
class Listener:
    """Where a registry listens. ``secret`` empty: Distribution makes one for the life of the process."""

    port: int
    host: str = LOOPBACK
    secret: str = ""
    #: Certificate and key, to serve by TLS.
    tls: tuple[Path, Path] | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class RegistryPlan:
    """One registry to start."""

    directory: Path
    http: Listener
    auth: TokenAuth | BasicAuth | None = None
    notifications: Notifications | None = None
    name: str = "registry"
    #: Sections that replace the generated ones of the same name.
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"{'https' if self.http.tls else 'http'}://{self.http.address}"


def registry_service(plan: RegistryPlan) -> ServiceSpec:
    """Write the configuration of the planned registry; the service that runs it.

    :raises stack.services.tools.MissingTool: there is no registry program here.
    """
    program = registry_program(plan.directory)
    (plan.directory / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    config = plan.directory / "config.yml"
    write_private(config, json.dumps(configuration(plan), indent=2) + "\n")  # YAML takes JSON
    return ServiceSpec(
        name=plan.name,
        argv=[*program.prefix, str(config)],
        ready=lambda: answers_v2(plan.url),
        # Its environment would override its configuration: REGISTRY_AUTH=token would replace a whole section.
        surroundings=Surroundings(drop_env=("REGISTRY_",)),
        noise=NOISE,
        stopping=Stopping(death_signal="SIGTERM" if program.by_docker else "SIGKILL"),
    )


def configuration(plan: RegistryPlan) -> dict[str, Any]:
    """The registry's configuration, as Distribution 2.8 and 3 both read it."""
    http: dict[str, Any] = {
        "addr": plan.http.address,
        "headers": {"X-Content-Type-Options": ["nosniff"]},
    }
    if plan.http.secret:
        http["secret"] = plan.http.secret
    if plan.http.tls:
        http["tls"] = {"certificate": str(plan.http.tls[0]), "key": str(plan.http.tls[1])}
    result: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str((plan.directory / "data").resolve())},
            "delete": {"enabled": True},
            "maintenance": {
                "uploadpurging": {"enabled": True, "age": "24h", "interval": "1h", "dryrun": False}
            },
        },
        "http": http,
    }
    if plan.auth is not None:
        result["auth"] = _auth(plan)
    if plan.notifications is not None:
        result["notifications"] = {"endpoints": [_endpoint(plan.notifications)]}
    return result | dict(plan.extra)


def _auth(plan: RegistryPlan) -> dict[str, Any]:
    if isinstance(plan.auth, BasicAuth):
        accounts = plan.directory / "htpasswd"
        write_private(accounts, "".join(htpasswd_line(*account) for account in plan.auth.accounts.items()))
        return {"htpasswd": {"realm": "registry", "path": str(accounts.resolve())}}
    assert plan.auth is not None
    return {
        "token": {
            "realm": plan.auth.realm,
            "service": plan.auth.service,
            "issuer": plan.auth.issuer,
            "rootcertbundle": str(plan.auth.certificate.resolve()),
        }
    }


def _endpoint(notifications: Notifications) -> dict[str, Any]:
    return {
        "name": "portal",
        "url": notifications.url,
        "headers": {"Authorization": [f"Bearer {notifications.token}"]},
        "timeout": "3s",
        "threshold": 5,
        "backoff": "3s",
        # Layers come and go by the thousand; the portal keeps an index of manifests and tags only.
        "ignore": {"mediatypes": ["application/octet-stream"]},
    }


def answers_v2(url: str) -> bool:
    """A registry answers there, signed in or not. Whose certificate it shows is not looked at: nothing is sent."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=anyone))
    try:
        with urllib.request.build_opener(*handlers).open(f"{url}/v2/", timeout=2):
            return True
    except urllib.error.HTTPError as exc:
        return exc.code == 401
    except OSError:
        return False
