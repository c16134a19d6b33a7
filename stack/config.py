"""What `make run` is asked to do: the environment, and ``.env`` where the environment is silent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import environ

from stack.paths import ROOT

DEFAULT_PORT = 8000
FALSE_WORDS = {"0", "false", "no", "off"}
WILDCARDS = {"0.0.0.0", "::", ""}


class ConfigError(Exception):
    """A variable can't be understood; the text names it."""


@dataclass(frozen=True)
class RunConfig:
    """One run, decided."""

    data_dir: Path
    host: str = "127.0.0.1"
    #: None: the usual one, or a free one where that is taken.
    port: int | None = None
    sample: bool = True
    redis_configured: bool = False
    registry_configured: bool = False
    registry_auth: str = "token"
    registry_username: str = ""
    registry_password: str = ""
    token_service: str = "registry-portal"
    token_issuer: str = "registry-portal"
    #: A configured certificate (PEM) of the token service; empty: the generated one.
    token_certificate: str = ""
    #: A configured secret of the registry's notifications; empty: the generated one.
    notification_token: str = ""
    #: How people reach the portal, where a proxy stands in front; empty: host and port of this run.
    public_url: str = ""
    allowed_hosts: str = ""
    private_sources: str = ""
    insecure_sources: str = ""
    #: Embedded services take the usual ports where those are free, and any other where not.
    usual_ports: bool = True

    def web_url(self, port: int) -> str:
        """The address that people and the registry's clients are told."""
        host = "127.0.0.1" if self.host in WILDCARDS else self.host
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"


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
        host=values.get("HOST") or "127.0.0.1",
        port=_port(values.get("PORT", "")),
        sample=values.get("PORTAL_SAMPLE", "1").strip().lower() not in FALSE_WORDS,
        redis_configured=bool(_secret(values, "REDIS_URL")),
        registry_configured=configured,
        registry_auth=auth,
        registry_username=username,
        registry_password=password,
        token_service=values.get("TOKEN_SERVICE_NAME") or "registry-portal",
        token_issuer=values.get("TOKEN_SERVICE_ISSUER") or "registry-portal",
        token_certificate=_secret(values, "TOKEN_SERVICE_CERTIFICATE"),
        notification_token=_secret(values, "REGISTRY_NOTIFICATION_TOKEN"),
        public_url=values.get("PORTAL_URL", "").rstrip("/"),
        allowed_hosts=values.get("ALLOWED_HOSTS", ""),
        private_sources=values.get("IMPORT_PRIVATE_SOURCES", ""),
        insecure_sources=values.get("IMPORT_INSECURE_SOURCES", ""),
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
