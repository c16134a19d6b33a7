"""The first import: the sample image, from a second registry on loopback, through the real pipeline."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from stack import state
from stack.config import RunConfig
from stack.output import Console
from stack.push import push_image
from stack.sample import SAMPLE_REPOSITORY, SAMPLE_TAG, sample_image
from stack.services.embedded import start_on_free_port
from stack.services.oneshot import CommandFailed, run_command
from stack.services.portal import manage
from stack.services.ports import LOOPBACK
from stack.services.registry_server import Listener, RegistryPlan, registry_service
from stack.services.supervisor import Service, ServiceFailed, Supervisor
from stack.services.tools import MissingTool

PROJECT = "library"
TARGET_NAME = "hello"


class SampleSource:
    """A registry that holds the sample image, up for as long as the import takes: ``async with``.

    A missing registry program costs only the sample; then ``image`` is empty.
    """

    def __init__(self, config: RunConfig, supervisor: Supervisor, console: Console) -> None:
        self.image = ""
        #: Lets a worker read from this one address, which is private and has no TLS.
        self.env: Mapping[str, str] = {}
        self._config = config
        self._supervisor = supervisor
        self._console = console
        self._directory = Path(tempfile.mkdtemp(prefix="portal-sample-"))
        self._service: Service | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except (MissingTool, ServiceFailed, OSError) as exc:
            self._console.say("portal", f"no sample import: {exc}")
        except BaseException:
            self._remove()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._service is not None:
            await self._supervisor.stop([self._service])
        self._remove()

    async def run_import(self, env: Mapping[str, str]) -> bool:
        """Import the sample with its progress on the terminal; whether it arrived."""
        self._console.say("portal", f"importing the sample image {self.image} into the project {PROJECT}")
        command = manage(
            *("importimage", self.image, "--project", PROJECT, "--name", TARGET_NAME, "--tag", SAMPLE_TAG)
        )
        try:
            await run_command(command, name="importimage", env=env, show=True)
        except CommandFailed as exc:
            self._console.say("portal", f"the sample did not arrive: {exc}")
            return False
        (self._config.data_dir / state.SAMPLE_DONE).touch()
        return True

    async def _start(self) -> None:
        def plan(port: int) -> RegistryPlan:
            return RegistryPlan(directory=self._directory, http=Listener(port), name="sample")

        port = await start_on_free_port(self._supervisor, lambda port: registry_service(plan(port)), [])
        self._service = self._supervisor.services[-1]
        push_image(plan(port).url, SAMPLE_REPOSITORY, SAMPLE_TAG, sample_image())
        host = f"{LOOPBACK}:{port}"
        self.env = {
            "IMPORT_PRIVATE_SOURCES": ",".join(filter(None, [self._config.sources.private, host])),
            "IMPORT_INSECURE_SOURCES": ",".join(filter(None, [self._config.sources.insecure, host])),
        }
        self.image = f"{host}/{SAMPLE_REPOSITORY}:{SAMPLE_TAG}"

    def _remove(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
