"""The embedded services of a run: which are needed, on which ports, with which configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from registry_portal.secrets_store import (
    TOKEN_CERTIFICATE,
    notification_token,
    redis_password,
    registry_http_secret,
    secrets_dir,
    token_service_pair,
)
from stack.config import RunConfig
from stack.services.front_server import FrontPlan, Upstreams, can_run, front_service
from stack.services.ports import LOOPBACK, free_port, is_free
from stack.services.redis_server import redis_service, redis_url, write_private
from stack.services.registry_server import (
    BasicAuth,
    Listener,
    Notifications,
    RegistryPlan,
    TokenAuth,
    registry_service,
)
from stack.services.spec import ServiceSpec
from stack.services.supervisor import ServiceFailed, Supervisor

REDIS_PORT = 6379
REGISTRY_PORT = 5000
TRIES = 5


async def start_on_free_port(
    supervisor: Supervisor, make: Callable[[int], ServiceSpec], preferred: list[int]
) -> int:
    """Start a service on the first free port; on another one if someone takes it in between.

    :returns: the port.
    :raises ServiceFailed: it does not start, and not because of its port.
    """
    for attempt in range(TRIES):
        port = free_port(preferred)
        try:
            await supervisor.up(make(port), timeout=30, deaths_allowed=0)
        except ServiceFailed:
            if attempt == TRIES - 1 or is_free(port):
                raise
        else:
            return port
    raise AssertionError("the last try either returned or raised")


async def start_redis(config: RunConfig, supervisor: Supervisor, preferred: list[int]) -> tuple[int, str]:
    """Start the embedded Redis; its port and URL."""
    password = redis_password(config.data_dir)

    def make(port: int) -> ServiceSpec:
        return redis_service(directory=config.data_dir / "redis", port=port, password=password)

    port = await start_on_free_port(supervisor, make, preferred)
    return port, redis_url(port, password)


async def start_registry(
    config: RunConfig, supervisor: Supervisor, preferred: list[int], *, web_port: int
) -> tuple[int, str]:
    """Start the embedded registry, wired to the portal's token service; its port and URL."""

    def plan(port: int) -> RegistryPlan:
        return registry_plan(config, port=port, web_port=web_port)

    port = await start_on_free_port(supervisor, lambda port: registry_service(plan(port)), preferred)
    return port, plan(port).url


async def start_front(
    config: RunConfig, supervisor: Supervisor, preferred: list[int], *, registry_port: int, web_port: int
) -> int:
    """Start nginx before the embedded registry; its port, which is the registry's for everyone outside."""

    def make(port: int) -> ServiceSpec:
        return front_service(
            FrontPlan(
                directory=(config.data_dir / "front").resolve(),
                port=port,
                upstreams=Upstreams(f"{LOOPBACK}:{registry_port}", f"{_web_host(config)}:{web_port}"),
                storage=str((config.data_dir / "registry" / "data").resolve()),
            )
        )

    return await start_on_free_port(supervisor, make, preferred)


def why_no_front(config: RunConfig) -> str:
    """Why the embedded registry gets no nginx before it, as a word that pages have a sentence for; empty: it does."""
    if config.registry.auth != "token":
        return "registry_auth"
    return "" if can_run() else "no_nginx"


def registry_plan(config: RunConfig, *, port: int, web_port: int) -> RegistryPlan:
    """The embedded registry of this run."""
    return RegistryPlan(
        directory=config.data_dir / "registry",
        http=Listener(port, secret=registry_http_secret(config.data_dir)),
        auth=_auth(config, web_port),
        notifications=Notifications(
            url=f"http://{_web_host(config)}:{web_port}/service/registry-events",
            token=config.registry.notification_token or notification_token(config.data_dir),
        ),
    )


def _auth(config: RunConfig, web_port: int) -> TokenAuth | BasicAuth | None:
    if config.registry.auth == "basic":
        return BasicAuth({config.registry.username: config.registry.password})
    if config.registry.auth == "none":
        return None
    return TokenAuth(
        realm=f"{config.web.url(web_port)}/service/token",
        service=config.registry.tokens.name,
        issuer=config.registry.tokens.issuer,
        certificate=_certificate(config),
    )


def _certificate(config: RunConfig) -> Path:
    token_service_pair(config.data_dir)
    if not config.registry.tokens.certificate:
        return secrets_dir(config.data_dir) / TOKEN_CERTIFICATE
    path = config.data_dir / "registry" / "token.crt"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, config.registry.tokens.certificate + "\n")
    return path


def _web_host(config: RunConfig) -> str:
    """Where the registry, on this machine, reaches the web process."""
    if config.web.host in {"0.0.0.0", ""}:
        return LOOPBACK
    return (
        "[::1]" if config.web.host == "::" else urlsplit(f"//{config.web.host}").hostname or config.web.host
    )
