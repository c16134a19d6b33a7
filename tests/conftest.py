"""Fixtures of all tests: the real services that they stand on, each started when a test first asks for it.

Session fixtures are shared: use your own repository, project and key names there. Factories (``make_…``) give a test
its own service, to stop, kill and damage.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import translation

from stack.paths import BIN, ROOT
from stack.portal import compile_catalogues
from stack.registry_server import BasicAuth
from tests.support.engine import DockerEngine, start_engine, stop_engine
from tests.support.portal import RUNNER, PortalProcess, seed_database
from tests.support.services import (
    PostgresServer,
    RedisServer,
    RegistryServer,
    start_postgres,
    start_redis,
    start_registry,
)

#: The account of `basic_registry`.
ACCOUNT = ("puller", "correct horse")


def pytest_configure(config: pytest.Config) -> None:
    """Translations are compiled from their sources, as `make run` does."""
    for command in compile_catalogues():
        subprocess.run(command, check=True)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the whole product stay together by module, and by what the module's house stands on, since they share
    it; all that need the Docker Engine share that. As the largest groups they begin first."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if "docker_engine" in names:
            item.add_marker(pytest.mark.xdist_group("engine"))
        elif "portal_seed" in names:
            house = getattr(item, "callspec", None)
            database = house.params.get("house", "") if house is not None else ""
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {database}"))


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """The tests' database, for whoever asks. pytest-django's own makes none when it sees no test that needs one, and it
    does not see those whose rows a fixture of their file holds."""
    from django.test.utils import setup_databases, teardown_databases

    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
    yield
    # A thread that a test left may hold a session of PostgreSQL; the database goes with its server all the same.
    with django_db_blocker.unblock(), suppress(DatabaseError):
        teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Each test begins in English: a Chinese request leaves its language in the thread, as Django's middleware does."""
    translation.activate("en")
    yield
    translation.activate("en")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A shared Redis; do not stop or flush it."""
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.running.stop()


@pytest.fixture
def make_redis(tmp_path: Path) -> Iterator[Callable[[], RedisServer]]:
    """Starts a Redis of the test's own."""
    with ExitStack() as stack:

        def make() -> RedisServer:
            server = start_redis(Path(mkdtemp(prefix="redis-", dir=tmp_path)))
            stack.callback(server.running.stop)
            return server

        yield make


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A shared registry that asks for no sign-in. Use repository names of your own."""
    server = start_registry(tmp_path_factory.mktemp("registry"))
    yield server
    server.running.stop()


@pytest.fixture(scope="session")
def basic_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A shared registry with basic sign-in; its only account is `registry.account`."""
    server = start_registry(tmp_path_factory.mktemp("basic-registry"), auth=BasicAuth(dict([ACCOUNT])))
    yield server
    server.running.stop()


@pytest.fixture
def make_registry(tmp_path: Path) -> Iterator[Callable[..., RegistryServer]]:
    """Starts a registry of the test's own; takes what :func:`tests.support.services.start_registry` takes."""
    with ExitStack() as stack:

        def make(**options: Any) -> RegistryServer:
            server = start_registry(Path(mkdtemp(prefix="registry-", dir=tmp_path)), **options)
            stack.callback(server.running.stop)
            return server

        yield make


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A shared PostgreSQL. Make a database of your own."""
    server = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.running.stop()


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    """A shared Docker Engine. Use image names of your own."""
    engine = start_engine(tmp_path_factory.mktemp("docker"))
    yield engine
    stop_engine(engine)


@pytest.fixture(scope="session")
def portal_seed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An empty database with all tables, and the collected static files, for every portal of the session."""
    directory = tmp_path_factory.mktemp("portal-seed")
    static = directory / "static"
    env = {
        **PortalProcess(directory, {}).environment(),
        "PORTAL_DATA_DIR": str(directory / "data"),
        "STATIC_ROOT": str(static),
    }
    code = "from io import StringIO; from registry_portal.collect import collect_if_changed as c; c(output=StringIO())"
    for arguments in (["migrate", "-v0"], ["shell", "-v0", "-c", code]):
        subprocess.run([BIN / "python", ROOT / "manage.py", *arguments], env=env, check=True)
    checkpoint = (
        "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('PRAGMA wal_checkpoint(TRUNCATE)')"
    )
    database = directory / "data" / "portal.sqlite3"
    subprocess.run([BIN / "python", "-c", checkpoint, database], check=True)
    return database, static


@pytest.fixture
def make_portal(
    tmp_path_factory: pytest.TempPathFactory, portal_seed: tuple[Path, Path]
) -> Iterator[Callable[..., PortalProcess]]:
    """Starts a portal of the test's own, with these variables in its environment; ``start=False`` only prepares it."""
    with ExitStack() as stack:
        yield _portal_factory(tmp_path_factory, portal_seed, stack)


@pytest.fixture(scope="module")
def make_module_portal(
    tmp_path_factory: pytest.TempPathFactory, portal_seed: tuple[Path, Path]
) -> Iterator[Callable[..., PortalProcess]]:
    """As ``make_portal``, for portals that all tests of a file share."""
    with ExitStack() as stack:
        yield _portal_factory(tmp_path_factory, portal_seed, stack)


@pytest.fixture(scope="session")
def portal(
    tmp_path_factory: pytest.TempPathFactory, portal_seed: tuple[Path, Path]
) -> Iterator[PortalProcess]:
    """A shared portal that may import from any registry on loopback. Use a project of your own; do not stop it."""
    with ExitStack() as stack:
        yield _portal_factory(tmp_path_factory, portal_seed, stack)()


def _portal_factory(
    tmp_path_factory: pytest.TempPathFactory, seed: tuple[Path, Path], stack: ExitStack
) -> Callable[..., PortalProcess]:
    database, static = seed

    def make(*, start: bool = True, command: Sequence[str] = RUNNER, **env: str) -> PortalProcess:
        loopback = {"IMPORT_PRIVATE_SOURCES": "127.0.0.0/8", "IMPORT_INSECURE_SOURCES": "127.0.0.1"}
        env = {**loopback, "STATIC_ROOT": str(static), **env}
        found = PortalProcess(tmp_path_factory.mktemp("portal"), env, command)
        seed_database(found.data_dir, database)
        if start:
            found.start()
        stack.callback(lambda: found.stop() if found.process else None)
        return found

    return make


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium, which runs as root only without its sandbox."""
    from stack.tools import find

    path = find("chromium", "chromium-browser", "google-chrome")
    assert path, "Chromium is missing; make test installs it"
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"]
    return {**browser_type_launch_args, "executable_path": path, "args": arguments}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """An English browser, whatever the language of this machine."""
    return {**browser_context_args, "locale": "en-US", "timezone_id": "UTC"}
