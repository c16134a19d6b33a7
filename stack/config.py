"""What `make run` is asked to do: the environment, and ``.env`` where the environment is silent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import environ

from stack.paths import ROOT

DEFAULT_PORT = 8000
FALSE_WORDS = {"0", "false", "no", "off"}
WILDCARDS = {"0.0.0.0", "::", ""}


class ConfigError(Exception):
    """A variable can't be understood; the text names it."""


@dataclass(frozen=True)
class Web:
    """Where the portal answers."""

    host: str = "127.0.0.1"
    #: None: the usual one, or a free one where that is taken.
    port: int | None = None
    #: How people reach the portal, where a proxy stands in front; empty: host and port of this run.
    public_url: str = ""
    allowed_hosts: str = ""

    def url(self, port: int) -> str:
        """The address that people and the registry's clients are told."""
        host = "127.0.0.1" if self.host in WILDCARDS else self.host
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"


@dataclass(frozen=True)
class TokenService:
    """As whom the portal gives the registry's tokens."""

    name: str = "registry-portal"
    issuer: str = "registry-portal"
    #: A configured certificate (PEM); empty: the generated one.
    certificate: str = ""


@dataclass(frozen=True)
class Registry:
    """How the portal and its registry know each other."""

    auth: str = "token"
    username: str = ""
    password: str = ""
    tokens: TokenService = field(default_factory=TokenService)
    #: A configured secret of its notifications; empty: the generated one.
    notification_token: str = ""


@dataclass(frozen=True)
class Sources:
    """Lists of hosts, as the environment has them."""

    private: str = ""
    insecure: str = ""


@dataclass(frozen=True)
class Embedded:
    """Which services the run brings along, because none is configured."""

    redis: bool = True
    registry: bool = True
    #: They and the portal take the usual ports where those are free, and any other where not.
    usual_ports: bool = True


@dataclass(frozen=True)
class RunConfig:
    """One run, decided."""

    data_dir: Path
    web: Web = field(default_factory=Web)
    registry: Registry = field(default_factory=Registry)
    sources: Sources = field(default_factory=Sources)
    embedded: Embedded = field(default_factory=Embedded)
    sample: bool = True


class _Environment(environ.Env):  # type: ignore[misc]  # the package has no types
    """Reads ``.env`` beside the environment, not into it: what it holds must not reach the environment of processes,
    each of which reads the file itself."""


def read_config(variables: Mapping[str, str] | None = None) -> RunConfig:
    """The configuration of a run.

    :raises ConfigError: a variable has no meaning.
    """
    _Environment.ENVIRON = dict(os.environ if variables is None else variables)
    if dotenv := _Environment.ENVIRON.get("PORTAL_DOTENV", str(ROOT / ".env")):
        _Environment.read_env(dotenv)
    values: Mapping[str, str] = _Environment.ENVIRON
    username, password = _secret(values, "REGISTRY_USERNAME"), _secret(values, "REGISTRY_PASSWORD")
    configured = bool(values.get("REGISTRY_URL"))
    auth = values.get("REGISTRY_AUTH") or ("token" if not configured else "basic" if username else "none")
    if auth not in {"token", "basic", "none"}:
        raise ConfigError(f"REGISTRY_AUTH is token, basic or none, not {auth!r}.")
    if auth == "basic" and not (username and password):
        raise ConfigError("REGISTRY_AUTH=basic needs REGISTRY_USERNAME and REGISTRY_PASSWORD.")
    return RunConfig(
        data_dir=Path(values.get("PORTAL_DATA_DIR") or ROOT / "var").resolve(),
        web=Web(
            host=values.get("HOST") or "127.0.0.1",
            port=_port(values.get("PORT", "")),
            public_url=values.get("PORTAL_URL", "").rstrip("/"),
            allowed_hosts=values.get("ALLOWED_HOSTS", ""),
        ),
        registry=Registry(
            auth=auth,
            username=username,
            password=password,
            tokens=TokenService(
                name=values.get("TOKEN_SERVICE_NAME") or "registry-portal",
                issuer=values.get("TOKEN_SERVICE_ISSUER") or "registry-portal",
                certificate=_secret(values, "TOKEN_SERVICE_CERTIFICATE"),
            ),
            notification_token=_secret(values, "REGISTRY_NOTIFICATION_TOKEN"),
        ),
        sources=Sources(
            private=values.get("IMPORT_PRIVATE_SOURCES", ""),
            insecure=values.get("IMPORT_INSECURE_SOURCES", ""),
        ),
        embedded=Embedded(redis=not _secret(values, "REDIS_URL"), registry=not configured),
        sample=values.get("PORTAL_SAMPLE", "1").strip().lower() not in FALSE_WORDS,
    )


def _secret(values: Mapping[str, str], name: str) -> str:
    path = values.get(f"{name}_FILE", "")
    if not path:
        return values.get(name, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigError(f"{name}_FILE names {path}, which can't be read: {exc.strerror}.") from exc


def _port(text: str) -> int | None:
    if not text.strip():
        return None
    if text.strip().isascii() and text.strip().isdigit() and int(text) < 65536:
        return int(text)
    raise ConfigError(f"PORT is a number from 1 to 65535 (0: any free one), not {text!r}.")
