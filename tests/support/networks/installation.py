"""An installation on many machines: what they share is here, workers are started on others (``machines``).

Started as deploy/README.md says: with the same secrets by file, by deploy/systemd/start.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import redis
import requests

from registry_portal import secrets_store
from stack.paths import ROOT
from stack.reader import Reader
from stack.services.portal import manage
from stack.services.ports import free_port
from stack.services.redis_server import NOISE
from stack.services.registry_server import Listener, RegistryPlan, TokenAuth, registry_service
from stack.services.spec import ServiceSpec, Surroundings
from stack.services.tools import redis_program
from testbed.images import random_image
from testbed.portal import ENDED, FOREIGN
from testbed.processes import Running
from testbed.scripted_registry import ScriptedRegistry
from testbed.services import start_postgres
from testbed.throttle import Throttle
from tests.support.networks.machines import DISK, Machine, Network
from tests.support.rows import Rows, Task

START: Final = str(ROOT / "deploy" / "systemd" / "start")
PASSWORD: Final = "many-machines"
LEASE: Final = 3
#: Imports that one worker runs at once here.
PROCESSES: Final = 2
#: Where a machine keeps its secrets, on its own disk.
SECRETS: Final = "etc"


class Installation:
    """One database, one Redis, one registry, a web process and a beat on this machine; workers on others."""

    def __init__(self, network: Network, directory: Path, stack: ExitStack) -> None:
        self.network, self.directory, self._stack = network, directory, stack
        self.source = stack.enter_context(ScriptedRegistry(host=network.address))
        database = start_postgres(directory / "postgres", host=network.address)
        stack.callback(database.running.stop)
        self.rows = Rows(database.url())
        self.port, registry_port = free_port(host=network.address), free_port(host=network.address)
        self.secrets = self._make_secrets(database.url(), self._start_redis())
        self.registry_url = f"http://{network.address}:{registry_port}"
        self.url = f"http://{network.address}:{self.port}"
        self.settings = {
            "PORTAL_DOTENV": "",
            "REGISTRY_URL": self.registry_url,
            "REGISTRY_AUTH": "token",
            "ALLOWED_HOSTS": network.address,
            "IMPORT_PRIVATE_SOURCES": self.source.server_name,
            "IMPORT_INSECURE_SOURCES": self.source.server_name,
            "IMPORT_LEASE_SECONDS": str(LEASE),
            "IMPORT_SWEEP_SECONDS": "1",
            "IMPORT_STALL_SECONDS": "5",
            "IMPORT_MAX_RUNNING": str(4 * PROCESSES),
            "IMPORT_MAX_RUNNING_PER_PROJECT": str(4 * PROCESSES),
            "WORKER_CONCURRENCY": str(PROCESSES),
            "WEB_CONCURRENCY": "1",
        }
        self._start_registry(registry_port)
        self._start_here()
        self.token = self._call("POST", "/auth/tokens", {"username": "admin", "password": PASSWORD})["token"]
        self.project: str = self._call("GET", "/projects")["results"][0]["id"]
        self._seed = 0

    # --- what it is made of -------------------------------------------------------------------------

    def _make_secrets(self, database_url: str, redis_url: str) -> dict[str, str]:
        key, certificate = secrets_store.token_service_pair(self.directory)
        return {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": secrets_store.secret_key(),
            "CRYPTOGRAPHY_KEYS": secrets_store.cryptography_key(),
            "TOKEN_SERVICE_KEY": key,
            "TOKEN_SERVICE_CERTIFICATE": certificate,
            "REGISTRY_NOTIFICATION_TOKEN": secrets_store.bearer_secret(),
        }

    def _start_redis(self) -> str:
        address, port = self.network.address, free_port(host=self.network.address)
        text = (ROOT / "deploy" / "redis.conf").read_text(encoding="utf-8")
        for old, new in {"127.0.0.1": address, "6379": str(port), "REDIS_PASSWORD": PASSWORD}.items():
            assert old in text
            text = text.replace(old, new)
        config = self.directory / "redis.conf"
        config.write_text(f'{text}dir "{self.directory}"\n', encoding="utf-8")
        url = f"redis://:{PASSWORD}@{address}:{port}/0"

        def answers() -> bool:
            try:
                return bool(redis.Redis.from_url(url).ping())
            except redis.RedisError:
                return False

        argv = [*redis_program(self.directory).prefix, str(config)]
        self._run(ServiceSpec(name="redis", argv=argv, ready=answers, noise=NOISE))
        return url

    def _start_registry(self, port: int) -> None:
        auth = TokenAuth(
            realm=f"{self.url}/service/token",
            service="registry-portal",
            issuer="registry-portal",
            certificate=self.directory / "secrets" / "token_service.crt",
        )
        listener = Listener(port, host=self.network.address)
        plan = RegistryPlan(self.directory / "registry", listener, auth=auth)
        plan.directory.mkdir()
        self._run(registry_service(plan))

    def _start_here(self) -> None:
        env = self._environment(self.directory, self.directory) | {
            "HOST": self.network.address,
            "PORT": str(self.port),
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }
        here = Surroundings(env, FOREIGN, ROOT)
        bootstrap = ServiceSpec(name="bootstrap", argv=manage("bootstrap"), surroundings=here)
        with Running(bootstrap, self.directory / "bootstrap.log") as running:
            assert running.process
            assert running.process.wait(180) == 0, running.output()
        self._run(ServiceSpec(name="web", argv=[START, "web"], surroundings=here, ready=self._answers))
        self._run(ServiceSpec(name="beat", argv=[START, "beat"], surroundings=here))

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=3).status_code == 200
        except requests.RequestException:
            return False

    def _run(self, spec: ServiceSpec) -> Running:
        running = Running(spec, self.directory / f"{spec.name}.log").start(timeout=180)
        self._stack.callback(running.stop)
        return running

    def _environment(self, disk: Path, seen_as: Path) -> dict[str, str]:
        """Settings and the files of the secrets, put on a disk that its machine sees at ``seen_as``."""
        files = disk / SECRETS
        files.mkdir(mode=0o700)
        for name, value in self.secrets.items():
            (files / name.lower()).write_text(f"{value}\n", encoding="utf-8")
        named = {f"{name}_FILE": str(seen_as / SECRETS / name.lower()) for name in self.secrets}
        return {**self.settings, **named, "PORTAL_DATA_DIR": str(seen_as / "data")}

    def start_worker(self, machine: Machine) -> Running:
        """A worker on another machine, once it answers to Celery."""
        env = self._environment(machine.disk, DISK) | {"TMPDIR": str(DISK), "PYTHONDONTWRITEBYTECODE": "1"}
        argv = machine.command([START, "worker"])
        there = Surroundings(env, FOREIGN, ROOT)
        running = self._run(ServiceSpec(name=machine.name, argv=argv, surroundings=there))
        deadline = time.monotonic() + 30
        while f"celery@{machine.name} ready" not in running.output():
            assert time.monotonic() < deadline, running.output()
            time.sleep(0.1)
        return running

    # --- what is asked of it ------------------------------------------------------------------------

    def _call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        answer = requests.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=90)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def image(self, name: str, size: int, rate: int = 0) -> Throttle:
        """A new image of one layer at the source, which comes with ``rate`` bytes a second on each connection."""
        self._seed += 1
        image = random_image([size], seed=self._seed)
        self.source.add_image(name, "1", image)
        slow = Throttle(rate or 1 << 30)
        self.source.rule("GET", f"/{name}/blobs/{image.blobs[-1].digest}", slow)
        return slow

    def submit(self, name: str, **fields: object) -> str:
        image = f"{self.source.server_name}/{name}:1"
        body = {"image_url": image, **fields}
        return str(self._call("POST", f"/projects/{self.project}/images/import", body)["id"])

    def until(self, task: str, holds: Callable[[Task], bool], *, timeout: float = 30.0) -> Task:
        deadline = time.monotonic() + timeout
        while not holds(row := self.rows.task(task)):
            assert time.monotonic() < deadline, f"{row}\n{self.said()}"
            time.sleep(0.05)
        return row

    def succeed(self, task: str) -> Task:
        row = self.until(task, lambda row: row.status in ENDED)
        assert row.status == "success", f"{row}\n{self.said()}"
        assert self.tag(row) == row.digest
        return row

    def tag(self, row: Task) -> str:
        """What the task's target names now, every byte below it read."""
        reader = Reader(self.registry_url, username="admin", password=PASSWORD)
        return reader.verify(row.repository, row.target_tag).digest

    def batch(self, name: str, count: int, *, size: int, rate: int) -> tuple[int, Counter[str]]:
        """Import so many images: how many ran at the same time at most, and attempts by machine."""
        images = [f"{name}/{number}" for number in range(count)]
        for each in images:
            self.image(each, size, rate)
        entries = [f"{self.source.server_name}/{each}:1" for each in images]
        made = self._call("POST", f"/projects/{self.project}/images/import/batches", {"images": entries})
        rows = [self.succeed(task["id"]) for task in made["tasks"]]
        # At the same moment an end comes before a start.
        moments = sorted(
            [(row.started_at or 0, 1) for row in rows] + [(row.completed_at or 0, -1) for row in rows]
        )
        tasks = {row.id for row in rows}
        took_part = Counter(each.worker.split(":")[0] for each in self.rows.attempts() if each.task in tasks)
        return max(accumulate(change for _at, change in moments)), took_part

    def said(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}"
            for log in self.directory.glob("*.log")
        )
