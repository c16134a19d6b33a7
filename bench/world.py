"""What a benchmark stands on: one source, one target that is emptied before each run, the whole portal, an Engine."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import redis

from bench.engine import Registry
from stack.sample import Image
from testbed.engine import DockerEngine, start_engine, stop_engine
from testbed.portal import PortalProcess


class World:
    """Everything real, on loopback, with its data in a temporary directory. Use it as a context.

    :param env: of the portal, beyond what it needs here.
    """

    def __init__(self, *, engine: bool, env: Mapping[str, str] | None = None) -> None:
        self._with_engine = engine
        self._env = dict(env or {})
        self._stack = ExitStack()
        self.engine: DockerEngine | None = None

    def __enter__(self) -> Self:
        directory = Path(tempfile.mkdtemp(prefix="portal-bench-"))
        self._stack.callback(shutil.rmtree, directory, ignore_errors=True)
        self.source = self._registry(directory / "source", access_log=True)
        self.target = self._registry(directory / "target")
        self.portal = PortalProcess(
            directory / "portal",
            {
                "REGISTRY_URL": f"http://{self.target.host}",
                "REGISTRY_AUTH": "none",
                "IMPORT_PRIVATE_SOURCES": "127.0.0.0/8",
                "IMPORT_INSECURE_SOURCES": "127.0.0.1",
                "IMPORT_MAX_RUNNING_PER_PROJECT": "4",
                **self._env,
            },
        )
        self.portal.start(timeout=180)
        self._stack.callback(self.portal.stop)
        if self._with_engine:
            self.engine = start_engine(directory / "docker")
            self._stack.callback(stop_engine, self.engine)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _registry(self, directory: Path, *, access_log: bool = False) -> Registry:
        registry = Registry(directory, access_log=access_log)
        registry.start()
        self._stack.callback(registry.running.stop)
        return registry

    def push(self, repository: str, tag: str, image: Image) -> str:
        """Put an image at the source; its digest."""
        from stack.push import push_image

        return push_image(f"http://{self.source.host}", repository, tag, image)

    def empty_target(self) -> None:
        """The target holds nothing, and nobody believes that it does."""
        self.target.empty()
        with sqlite3.connect(self.portal.data_dir / "portal.sqlite3", timeout=20) as database:
            database.execute("DELETE FROM imageimport_bloborigin")
        services = json.loads((self.portal.data_dir / "services.json").read_text("utf-8"))
        with redis.Redis.from_url(services["redis_url"]) as memory:
            for key in memory.scan_iter("portal:landed:*", count=1000):
                memory.delete(key)
        if self.engine is not None:
            self.engine.docker("image", "prune", "--all", "--force")
