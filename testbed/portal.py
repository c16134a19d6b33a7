"""The whole product, running as `make run` runs it, on free ports and with its own data."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import requests

from stack.paths import BIN, ROOT
from stack.reader import Reader, ReadImage
from stack.services.supervisor import kill_group

ADMIN = "admin"
ENDED = {"success", "failed", "canceled"}
#: Variables of this machine's owner that a test's portal must not meet.
FOREIGN = (
    "REDIS_",
    "REGISTRY_",
    "DATABASE_",
    "IMPORT_",
    "PORTAL_",
    "TOKEN_SERVICE_",
    "DJANGO_",
    "MAKE",
    "PYTEST_",
)
#: How the product is started.
RUNNER = (str(BIN / "python"), "-m", "stack", "run")


class PortalProcess:
    """A running portal with its administrator signed in to the API."""

    def __init__(
        self, directory: Path, env: Mapping[str, str], command: Sequence[str] = RUNNER, where: Path = ROOT
    ) -> None:
        self.data_dir = directory / "data"
        self.log = directory / "portal.log"
        self.password = secrets.token_urlsafe(12)
        self.env = {
            "PORTAL_DATA_DIR": str(self.data_dir),
            "PORTAL_DOTENV": "",
            "PORTAL_SAMPLE": "0",
            "PORT": "0",
            "DJANGO_SUPERUSER_USERNAME": ADMIN,
            "DJANGO_SUPERUSER_PASSWORD": self.password,
            "WEB_CONCURRENCY": "1",
            **env,
        }
        self.command = command
        self.where = where
        self.process: subprocess.Popen[bytes] | None = None
        self._token = ""

    # --- the process -------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """The environment of the runner, and of commands that should meet the same portal."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return kept | self.env

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                # A test run that is killed must not leave a portal behind; one in the background must not hand down
                # that it ignores SIGINT.
                ["env", "--default-signal=INT", "setpriv", "--pdeathsig", "SIGTERM", "--", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                cwd=self.where,
                start_new_session=True,
            )

    def start(self, *, timeout: float = 180.0) -> Self:
        """Start it and wait until its banner says that it is up."""
        said_before = self.output().count("Ctrl-C stops everything")
        self.launch()
        assert self.process is not None
        deadline = time.monotonic() + timeout
        while self.output().count("Ctrl-C stops everything") == said_before:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"The portal does not come up:\n{self.output()[-6000:]}")
            time.sleep(0.1)
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM, *, timeout: float = 60.0) -> int:
        """Ask it to stop and wait; its exit code.

        :raises AssertionError: it did not, within ``timeout`` seconds; it is killed then.
        """
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                kill_group(self.process.pid)  # what it started is tied to it by the kernel
                raise AssertionError(
                    f"still up {timeout:g} s after {number.name}:\n{self.output()[-4000:]}"
                ) from None
        return self.process.wait()

    def interrupt(self, *, timeout: float = 60.0) -> int:
        """Ctrl-C in its terminal, which everyone in the foreground hears; its exit code."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout)

    def output(self) -> str:
        """All that it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def pids(self, name: str = "") -> dict[int, str]:
        """Every living process below the runner, to its command line; ``name`` picks those that contain it."""
        assert self.process is not None
        return {pid: line for pid, line in descendants(self.process.pid).items() if name in line}

    def main_pid(self, name: str) -> int:
        """The process of a service itself (not its children): redis-server, docker-registry, gunicorn, worker, beat."""
        assert self.process is not None
        found = [pid for pid, line in self.pids(name).items() if parent_of(pid) == self.process.pid]
        assert len(found) == 1, f"{name}: {found} of {self.pids()}"
        return found[0]

    def manage(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a management command against this portal."""
        return subprocess.run(
            [BIN / "python", ROOT / "manage.py", *arguments],
            env=self.environment(),
            input=input,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    # --- what it offers ----------------------------------------------------------------------------

    @property
    def services(self) -> dict[str, str]:
        """Its services.json."""
        found: dict[str, str] = json.loads((self.data_dir / "services.json").read_text(encoding="utf-8"))
        return found

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return self.services["web_url"]

    @property
    def registry_host(self) -> str:
        """``host:port`` of its registry."""
        return self.services["registry_public_host"]

    def reader(self) -> Reader:
        """An independent reader of its registry, signed in as the administrator: by the token, since a password is
        hashed slowly, and once for each repository."""
        return Reader(self.services["registry_url"], username=ADMIN, password=self.token)

    def verify(self, repository: str, reference: str) -> ReadImage:
        """Read an image of its registry and every byte below it."""
        return self.reader().verify(repository, reference)

    def call(
        self, method: str, path: str, body: object = None, *, token: str | None = None, **headers: str
    ) -> requests.Response:
        """A request to ``/api/v1`` as the administrator, or with another token (empty: anonymously)."""
        token = self.token if token is None else token
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return requests.request(method, f"{self.url}/api/v1{path}", json=body, headers=sent, timeout=90)

    @property
    def token(self) -> str:
        """An API token of the administrator, made on first use."""
        if not self._token:
            answer = self.call(
                "POST", "/auth/tokens", {"username": ADMIN, "password": self.password}, token=""
            )
            assert answer.status_code == 201, answer.text
            self._token = answer.json()["token"]
        return self._token

    def project(self, name: str) -> str:
        """The id of the project of this name, made where it is missing."""
        answer = self.call("POST", "/projects", {"name": name, "visibility": "private"})
        if answer.status_code == 201:
            return str(answer.json()["id"])
        url: str | None = f"{self.url}/api/v1/projects?page_size=200"
        while url:
            page = requests.get(url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30).json()
            for row in page["results"]:
                if row["name"] == name:
                    return str(row["id"])
            url = page["next"]
        raise AssertionError(f"no project {name}: {answer.text}")

    def submit(self, project: str, image: str, **fields: object) -> dict[str, Any]:
        """Ask for an import; the task as first answered."""
        answer = self.call("POST", f"/projects/{project}/images/import", {"image_url": image, **fields})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def task(self, project: str, task: str) -> dict[str, Any]:
        """An import's detail."""
        answer = self.call("GET", f"/projects/{project}/images/import/{task}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait(self, project: str, task: str, *, timeout: float = 180.0, every: float = 0.1) -> dict[str, Any]:
        """The import's detail once it has ended; looked at ``every`` so many seconds."""
        deadline = time.monotonic() + timeout
        while (found := self.task(project, task))["status"] not in ENDED:
            if time.monotonic() > deadline:
                raise AssertionError(f"The import has not ended: {found}\n{self.output()[-4000:]}")
            time.sleep(every)
        return found

    def run_import(
        self, project: str, image: str, *, timeout: float = 60.0, **fields: object
    ) -> dict[str, Any]:
        """Ask for an import and wait for its end."""
        return self.wait(project, self.submit(project, image, **fields)["id"], timeout=timeout)


def seed_database(data_dir: Path, template: Path) -> None:
    """Give a new portal a database that has its tables already: migrating takes seconds."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(template, data_dir / "portal.sqlite3")


def descendants(root: int) -> dict[int, str]:
    """Living processes below ``root``, to their command lines."""
    children: dict[int, list[int]] = {}
    lines: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := _process(entry)):
            children.setdefault(found[0], []).append(int(entry.name))
            lines[int(entry.name)] = found[1]
    result: dict[int, str] = {}
    waiting = [root]
    while waiting:
        for child in children.get(waiting.pop(), []):
            result[child] = lines[child]
            waiting.append(child)
    return result


def parent_of(pid: int) -> int:
    """The parent of a process; 0 if it is gone."""
    found = _process(Path(f"/proc/{pid}"))
    return found[0] if found else 0


def alive(pid: int) -> bool:
    """The process runs; one that only waits to be reaped does not."""
    return _process(Path(f"/proc/{pid}")) is not None


def _process(entry: Path) -> tuple[int, str] | None:
    try:
        state, parent = (
            (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
        )
        line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else (int(parent), line)
