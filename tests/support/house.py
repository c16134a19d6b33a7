"""A whole portal before a scripted source, with everything that looks at it from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import redis
import requests

from oci.limits import RANGED_BYTES
from stack.reader import Reader, ReadError
from stack.sample import Image
from testbed.images import random_image
from testbed.portal import PortalProcess, parent_of
from testbed.scripted_registry import ScriptedRegistry
from testbed.services import RegistryServer
from testbed.throttle import Throttle
from tests.support import invariants
from tests.support.footprint import upload_sessions
from tests.support.rows import ENDED, Rows, Task
from tests.support.watching import Watch

#: So long a worker believes what it read of a registry's limits (imageimport.registries.rate_limits). Seconds.
BELIEVED = 1.0
#: Short times, so that a fault and what follows from it take seconds.
LEASE: Final = 3
SWEEP: Final = 1
STALL: Final = 5
QUICK: Final[Mapping[str, str]] = {
    "IMPORT_LEASE_SECONDS": str(LEASE),
    "IMPORT_SWEEP_SECONDS": str(SWEEP),
    "IMPORT_STALL_SECONDS": str(STALL),
    "IMPORT_MAX_RUNNING": "4",
    "IMPORT_MAX_RUNNING_PER_PROJECT": "4",
}
KIB: Final = 1024
MIB: Final = 1024 * 1024
#: So long a test waits for what takes seconds on a machine of its own: it fails by what happens, not by when.
WAIT: Final = 120.0
#: What a layer drips with while a test does something to its import, bytes a second: the second layer of
#: :meth:`House.caught_in_a_layer` lasts twenty seconds.
SLOW: Final = 75 * KIB
#: States of a layer that no later attempt reads again.
FINISHED: Final = frozenset({"done", "exists", "mounted"})
WORKER: Final = "registry_portal worker"
BEAT: Final = "registry_portal beat"
WEB: Final = "gunicorn"
PROJECT: Final = "faults"


@dataclass
class House:
    """One portal, its source, its rows, and its own registry where it is not the embedded one.

    :ivar before: tags that a test put at the target itself.
    """

    portal: PortalProcess
    source: ScriptedRegistry
    rows: Rows
    target: RegistryServer | None = None
    #: Of a target that is no real registry.
    target_url: str = ""
    accepted: list[str] = field(default_factory=list, init=False)
    before: dict[invariants.Target, str] = field(default_factory=dict, init=False)
    images: dict[str, Image] = field(default_factory=dict, init=False)
    _projects: dict[str, str] = field(default_factory=dict, init=False)
    _seed: int = field(default=0, init=False)

    # --- imports ------------------------------------------------------------------------------------

    def image(self, name: str, sizes: Sequence[int], *, tag: str = "1") -> Image:
        """A new image at the source, with layers of these sizes."""
        self._seed += 1
        image = self.images[name] = random_image(
            sizes, seed=self._seed * 7919 + zlib.crc32(name.encode()) % 7919
        )
        self.source.add_image(name, tag, image)
        return image

    def slow(self, digest: str, rate: int) -> Throttle:
        """Let this blob of the source drip with ``rate`` bytes a second."""
        throttle = Throttle(rate)
        self.source.rule("GET", f"/blobs/{digest}", throttle)
        return throttle

    def project(self, name: str = PROJECT) -> str:
        """The id of a project, made on first use."""
        if name not in self._projects:
            self._projects[name] = self.portal.project(name)
        return self._projects[name]

    def reference(self, name: str, tag: str = "1") -> str:
        return f"{self.source.server_name}/{name}:{tag}"

    def submit(self, name: str, *, project: str = PROJECT, tag: str = "1", **fields: Any) -> str:
        """Ask for an import of an image of the source; its id."""
        return self.submit_reference(self.reference(name, tag), project=project, **fields)

    def submit_reference(self, reference: str, *, project: str = PROJECT, **fields: Any) -> str:
        """Ask for an import from anywhere; its id."""
        task = self.portal.submit(self.project(project), reference, **fields)
        self.accepted.append(task["id"])
        return str(task["id"])

    def forget_rate_limits(self) -> None:
        """What the source said about its limits is forgotten: the next import need not wait, and may have parts."""
        found = self.portal.env.get("REDIS_URL") or self.portal.services["redis_url"]
        with redis.Redis.from_url(found) as client:
            for pattern in ("*ratelimit*", "portal:connections-refused:*"):
                for key in client.scan_iter(pattern):
                    client.delete(key)
        time.sleep(BELIEVED + 0.2)

    def until(
        self, identifier: str, holds: Callable[[Task], bool], *, timeout: float = WAIT, what: str = ""
    ) -> Task:
        """The row once ``holds`` is true of it."""
        deadline = time.monotonic() + timeout
        while not holds(task := self.rows.task(identifier)):
            if time.monotonic() > deadline or (task.status in ENDED and not what):
                raise AssertionError(f"{what or 'not reached'}: {task}\n{self.said()}")
            time.sleep(0.05)
        return task

    def until_moving(self, identifier: str, *, least: int = 1, timeout: float = WAIT) -> Task:
        """The row once it runs and at least so many bytes are at the target."""
        return self.until(
            identifier, lambda task: task.status == "running" and task.bytes_done >= least, timeout=timeout
        )

    @contextmanager
    def caught_in_a_layer(self, name: str, *, first: int = 256 * KIB, rate: int = SLOW) -> Iterator[str]:
        """An import of a new image that has brought its configuration and its first layer, and is in the middle of its
        second, which comes with ``rate`` bytes a second while this lasts.
        """
        # Small enough for one connection: on a busy machine this source is far, and a larger layer comes in parts.
        image = self.image(name, [first, RANGED_BYTES - 512 * KIB])
        *brought, last = image.blobs
        slow = self.slow(last.digest, rate)
        task = self.submit(name)

        def is_there(row: Task) -> bool:
            layers = self.rows.layers(task)
            if row.status != "running" or not {blob.digest for blob in image.blobs} <= layers.keys():
                return False
            # Sizes alone would not say it: bytes of what is not finished yet count, too, and are lost with the worker.
            is_brought = all(layers[blob.digest].state in FINISHED for blob in brought)
            return is_brought and layers[last.digest].bytes_done >= rate // 2

        self.until(task, is_there)
        try:
            yield task
        finally:
            slow.release()

    def until_ended(self, identifier: str, *, timeout: float = WAIT) -> Task:
        return self.until(
            identifier, lambda task: task.status in ENDED, timeout=timeout, what="has not ended"
        )

    def succeed(self, identifier: str, *, timeout: float = WAIT) -> Task:
        """The row once it has succeeded and the target has it whole."""
        task = self.until_ended(identifier, timeout=timeout)
        assert task.status == "success", f"{task}\n{self.said()}"
        assert self.verify(task.repository, task.target_tag) == task.digest
        return task

    def fail(self, identifier: str, code: str, *, timeout: float = WAIT) -> Task:
        """The row once it has failed with this code."""
        task = self.until_ended(identifier, timeout=timeout)
        assert (task.status, task.error_code) == ("failed", code), f"{task}\n{self.said()}"
        return task

    def outcomes(self, identifier: str) -> list[tuple[int, str]]:
        """Attempt numbers and outcomes of the history."""
        return [(attempt.attempt, attempt.outcome) for attempt in self.rows.attempts(identifier)]

    # --- processes ----------------------------------------------------------------------------------

    def worker_pid(self) -> int:
        """The worker's parent process."""
        return self.portal.main_pid(WORKER)

    def until_worker(self, *, other_than: int = 0, timeout: float = WAIT) -> int:
        """The worker's parent process, once there is one (another one)."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self.portal.process is not None
            found = [
                pid
                for pid, line in self.portal.pids(WORKER).items()
                if pid != other_than and parent_of(pid) == self.portal.process.pid
            ]
            if found:
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"no worker comes up\n{self.said()}")

    def kill(self, pid: int) -> None:
        """Kill a process that may be gone already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def until_web(self, *, timeout: float = WAIT) -> None:
        """Until the web process answers (again)."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.portal.url}/healthz", timeout=5).status_code == 200:
                    return
            time.sleep(0.2)
        raise AssertionError(f"the web process does not answer\n{self.said()}")

    def until_answers(self, path: str, *, timeout: float = WAIT) -> None:
        """Until the API answers 200 there (again)."""
        deadline = time.monotonic() + timeout
        while (answer := self.portal.call("GET", path)).status_code != 200:
            assert time.monotonic() < deadline, f"{answer.status_code} {answer.text}\n{self.said()}"
            time.sleep(0.2)

    def until_counts(self, *, timeout: float = WAIT, **wanted: int) -> None:
        """Until so many imports are in these states."""
        deadline = time.monotonic() + timeout
        while True:
            found = Counter(task.status for task in self.rows.tasks().values())
            if all(found[status] == count for status, count in wanted.items()):
                return
            assert time.monotonic() < deadline, f"{dict(found)} instead of {wanted}\n{self.said()}"
            time.sleep(0.05)

    def kill_runner_of(self, identifier: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to the process that works at this import; its id."""
        pid = self.rows.task(identifier).worker_pid
        os.kill(pid, number)
        return pid

    def freeze_runner_of(self, identifier: str, *, patience: float = 30) -> int:
        """Stop the process that works at this import, in a moment in which it holds no lock of the database; its id.

        Whoever is stopped in the middle of a write keeps all others from theirs, with SQLite at least.
        """
        deadline = time.monotonic() + patience
        while True:
            pid = self.kill_runner_of(identifier, signal.SIGSTOP)
            if self.rows.writable(identifier):
                return pid
            os.kill(pid, signal.SIGCONT)
            assert time.monotonic() < deadline, f"it always holds a lock\n{self.said()}"
            time.sleep(0.05)

    def said(self, lines: int = 60) -> str:
        """The end of what the portal said, requests left out."""
        kept = [line for line in self.portal.output().splitlines() if "request_" not in line]
        return "\n".join(kept[-lines:])

    # --- looking from outside -----------------------------------------------------------------------

    def reader(self) -> Reader:
        """An independent reader of the target."""
        if self.target is not None:
            return self.target.reader()
        return Reader(self.target_url) if self.target_url else self.portal.reader()

    def verify(self, repository: str, reference: str) -> str:
        """Read an image of the target and every byte below it; its digest."""
        return self.reader().verify(repository, reference).digest

    def has_tag(self, repository: str, tag: str) -> bool:
        """Whether the target knows a tag."""
        try:
            return bool(self.reader().digest(repository, tag))
        except ReadError as exc:
            if "404" not in str(exc):
                raise
            return False

    def uploads(self, name: str, project: str = PROJECT) -> list[str]:
        """Upload sessions of a repository that are open at the target."""
        directory = self.target.plan.directory if self.target else self.portal.data_dir / "registry"
        return [each for each in upload_sessions(directory) if each.startswith(f"{project}/{name}/")]

    def put_before(self, repository: str, tag: str, image: Image) -> str:
        """Let a tag stand at the target before any import (only a registry of the house's own)."""
        assert self.target is not None
        digest = self.before[repository, tag] = self.target.push(repository, tag, image)
        return digest

    def check(self) -> list[str]:
        """Every invariant that can be told from rows, target and source, once all has ended."""
        return [
            *invariants.accepted_have_ended(self.rows, self.accepted),
            *invariants.histories_are_whole(self.rows),
            *invariants.targets_have_one_writer(self.rows),
            *invariants.tags_are_as_the_rows_say(self.rows, self.reader, self.before),
            *invariants.failures_speak(self.rows),
            *invariants.no_internal_errors(self.rows),
            *invariants.source_was_spared(self.source, self.rows),
        ]


def open_house(
    stack: ExitStack,
    portal: PortalProcess,
    *,
    database_url: str = "",
    target: RegistryServer | None = None,
    target_url: str = "",
) -> House:
    """A house around a portal (which need not be up); the source ends with ``stack``."""
    source = stack.enter_context(ScriptedRegistry())
    rows = Rows(database_url or str(portal.data_dir / "portal.sqlite3"))
    return House(portal, source, rows, target, target_url)


def watch(house: House, **limits: int) -> Watch:
    """A watch of this house's rows; see :class:`tests.support.watching.Watch`."""
    return Watch(house.rows, **limits)
