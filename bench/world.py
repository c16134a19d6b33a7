"""What a benchmark stands on: one source, by plain HTTP and by TLS, one target that is emptied before each run, the
whole portal, an Engine."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import redis
import trustme

from bench.engine import Registry
from stack.sample import Image
from stack.services.ports import free_port
from stack.services.registry_server import Listener
from testbed.engine import DockerEngine, start_engine, stop_engine
from testbed.portal import PortalProcess

#: Where the source answers by TLS: another address than that of what plain HTTP is allowed for.
_SECURE: Final = "127.0.0.2"


class World:
    """Everything real, on loopback, with its data in a temporary directory. Use it as a context.

    ``source`` and ``secure_source`` serve the same images, one by HTTP and one by TLS.

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
        self.secure_source = self._secure_source(directory)
        self.target = self._registry(directory / "target")
        self.portal = PortalProcess(
            directory / "portal",
            {
                "REGISTRY_URL": f"http://{self.target.host}",
                "REGISTRY_AUTH": "none",
                "IMPORT_PRIVATE_SOURCES": "127.0.0.0/8",
                "IMPORT_INSECURE_SOURCES": "127.0.0.1",
                "IMPORT_CA_FILE": str(directory / "ca.pem"),
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

    def _secure_source(self, directory: Path) -> Registry:
        """A second registry over the source's own storage."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(directory / "ca.pem"))
        issued = authority.issue_cert(_SECURE)
        certificate, key = directory / "source.pem", directory / "source.key"
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        issued.private_key_pem.write_to_path(str(key))
        listener = Listener(free_port(), host=_SECURE, tls=(certificate, key))
        storage = {"filesystem": {"rootdirectory": str(self.source.plan.directory / "data")}}
        return self._registry(directory / "secure", http=listener, extra={"storage": storage})

    def _registry(self, directory: Path, **options: Any) -> Registry:
        registry = Registry(directory, **options)
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
