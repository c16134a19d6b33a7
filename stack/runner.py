"""`make run`: puts the pieces together, in order, and takes them apart again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from stack import state
from stack.config import DEFAULT_PORT, WILDCARDS, ConfigError, RunConfig
from stack.output import Console
from stack.sample_import import SampleSource
from stack.services.embedded import (
    REDIS_PORT,
    REGISTRY_PORT,
    start_front,
    start_redis,
    start_registry,
    why_no_front,
)
from stack.services.oneshot import CommandFailed, run_command
from stack.services.parent import watch_make
from stack.services.portal import beat_service, manage, web_service, worker_service
from stack.services.ports import LOOPBACK, free_port, listen
from stack.services.supervisor import Service, ServiceFailed, Supervisor
from stack.services.tools import MissingTool

#: What may go wrong while starting, in words fit for the terminal.
STARTING_FAULTS = (ConfigError, MissingTool, ServiceFailed, CommandFailed, state.AlreadyRunning, OSError)

#: Said where the embedded registry stands without nginx.
WITHOUT_FRONT = {
    "no_nginx": "there is no nginx here, so first pull is off; to have it, install it: apt-get install nginx",
    "registry_auth": "first pull is off, since it needs REGISTRY_AUTH=token",
}


@dataclass
class Portal:
    """A portal that is starting or up."""

    config: RunConfig
    console: Console
    supervisor: Supervisor
    web_port: int = field(default=0, init=False)
    listening: socket.socket | None = field(default=None, init=False)
    addresses: dict[str, str] = field(default_factory=dict, init=False)
    administrator: dict[str, str | bool] = field(default_factory=dict, init=False)
    sample_done: bool = field(default=False, init=False)

    @property
    def env(self) -> dict[str, str]:
        """What the portal's own processes are told, beside the environment. Secrets are in files, never here."""
        result = {
            "PORTAL_DATA_DIR": str(self.config.data_dir),
            "PYTHONUNBUFFERED": "1",
            # A shell that serves another Django project may hold another name.
            "DJANGO_SETTINGS_MODULE": "registry_portal.settings",
        }
        if not self.config.web.allowed_hosts and self.config.web.host not in WILDCARDS:
            result["ALLOWED_HOSTS"] = self.config.web.host
        return result

    async def start(self) -> None:
        """Bring everything up, in order, until it answers.

        :raises STARTING_FAULTS: something does not come up; what did is still to be stopped by the supervisor.
        """
        # Held for as long as the run lasts: it outlives every gunicorn, which is given its descriptor.
        self.listening = open_web_socket(self.config)
        self.web_port = self.listening.getsockname()[1]
        await self._start_embedded()
        await self._prepare()
        host = LOOPBACK if self.config.web.host in WILDCARDS else self.config.web.host
        self.supervisor.add(beat_service(env=self.env))
        web = web_service(env=self.env, socket_fd=self.listening.fileno(), host=host, port=self.web_port)
        waiting = self.supervisor.add(web)
        if self._wants_sample():
            await self._import_sample(waiting)
        self.supervisor.add(worker_service(env=self.env))
        await waiting.wait_ready(timeout=90, deaths_allowed=3)

    async def _import_sample(self, web: Service) -> None:
        """By a worker that may read from the sample's address, and that is gone when the sample is there."""
        async with SampleSource(self.config, self.supervisor, self.console) as source:
            if source.image:
                env = {**self.env, **source.env}
                worker = self.supervisor.add(worker_service(env=env))
                await web.wait_ready(timeout=90, deaths_allowed=3)  # it gives the registry's tokens
                self.sample_done = await source.run_import(env)
                await self.supervisor.stop([worker])

    def _wants_sample(self) -> bool:
        return self.config.sample and not (self.config.data_dir / state.SAMPLE_DONE).exists()

    async def _start_embedded(self) -> None:
        config, ports = self.config, state.read_ports(self.config.data_dir)
        self.addresses = {"web_url": config.web.url(self.web_port)}

        def preferred(name: str, usual: int) -> list[int]:
            return [ports.get(name, 0), *([usual] if config.embedded.usual_ports else [])]

        if config.embedded.redis:
            ports["redis"], self.addresses["redis_url"] = await start_redis(
                config, self.supervisor, preferred("redis", REDIS_PORT)
            )
        if config.embedded.registry:
            await self._start_registry(ports, preferred)
        state.write_ports(config.data_dir, {**ports, "web": self.web_port})
        state.write_services(config.data_dir, self.addresses)

    async def _start_registry(
        self, ports: dict[str, int], preferred: Callable[[str, int], list[int]]
    ) -> None:
        """The registry, behind nginx where there is one; people then know the port of nginx only."""
        config, missing = self.config, why_no_front(self.config)
        outside = preferred("registry", REGISTRY_PORT)
        wanted = outside if missing else [ports.get("registry_behind", 0)]
        port, url = await start_registry(config, self.supervisor, wanted, web_port=self.web_port)
        if missing:
            self.console.say("portal", WITHOUT_FRONT[missing])
            ports["registry"] = port
        else:
            ports["registry_behind"] = port
            ports["registry"] = await start_front(
                config, self.supervisor, outside, registry_port=port, web_port=self.web_port
            )
        self.addresses |= {
            "registry_url": url,
            "registry_public_host": f"{LOOPBACK}:{ports['registry']}",
            "first_pull_missing": missing,
        }

    async def _prepare(self) -> None:
        self.console.say("portal", "preparing the database and static files")
        report = await run_command(manage("bootstrap", "--json"), name="bootstrap", env=self.env)
        self.administrator = json.loads(report.strip().splitlines()[-1])
        if self.administrator["password"]:
            # Said at once, since it is stored hashed only and the start may still be interrupted.
            name, password = self.administrator["username"], self.administrator["password"]
            self.console.say("portal", f"created the administrator {name} with the password {password}")


def open_web_socket(config: RunConfig) -> socket.socket:
    """The socket that the web process will answer on.

    :raises ConfigError: the port that was asked for can't be had.
    """
    wanted = config.web.port
    if wanted is None:
        last = state.read_ports(config.data_dir).get("web", 0)
        wanted = free_port([DEFAULT_PORT, last] if config.embedded.usual_ports else [], config.web.host)
    try:
        return listen(config.web.host, wanted)
    except OSError as exc:
        raise ConfigError(
            f"Can't listen on {config.web.host}, port {wanted}: {exc.strerror}. "
            "Stop what uses it, or choose another port: PORT=8001 make run"
        ) from exc


async def run_portal(
    config: RunConfig, console: Console, *, when_up: Callable[[Portal], Awaitable[int | None]]
) -> int:
    """Start a portal, call ``when_up``, and go on until a signal comes or it returns an exit code; stop everything."""
    stopping = asyncio.Event()
    supervisor = Supervisor(console)
    _on_signals(stopping, supervisor, console)
    portal = Portal(config, console, supervisor)
    watch = asyncio.create_task(watch_make(stopping.set))
    work = asyncio.create_task(_start_and_go_on(portal, when_up))
    stopped = asyncio.create_task(stopping.wait())
    try:
        with state.hold(config.data_dir):
            try:
                await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
                code = work.result() if work.done() else 0
            finally:
                await _cancel(work)
                console.say("portal", "stopping")
                state.forget_services(config.data_dir)
                await supervisor.stop()
    except STARTING_FAULTS as exc:
        console.say("portal", f"can't start: {exc}")
        code = 1
    finally:
        for task in (work, stopped, watch):
            await _cancel(task)
    console.say("portal", "stopped")
    return code


async def _start_and_go_on(portal: Portal, when_up: Callable[[Portal], Awaitable[int | None]]) -> int:
    await portal.start()
    code = await when_up(portal)
    if code is None:
        await asyncio.Event().wait()
    return code or 0


async def _cancel(task: asyncio.Task[object]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, *STARTING_FAULTS):
        await task


def _on_signals(stopping: asyncio.Event, supervisor: Supervisor, console: Console) -> None:
    def on_signal() -> None:
        if stopping.is_set():
            console.say("portal", "killing what is still up")
            supervisor.kill()
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
