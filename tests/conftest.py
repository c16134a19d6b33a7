"""Fixtures of all tests: the real services that they stand on, each started when a test first asks for it.

Session fixtures are shared: use your own repository, project and key names there. Factories (``make_…``) give a test
its own service, to stop, kill and damage.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest
from _pytest.nodeid import NodeId
from django.db import DatabaseError
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, BrowserContext, expect

from stack.install.catalogues import compile_catalogues
from stack.paths import BIN, ROOT
from stack.services.registry_server import BasicAuth
from testbed.engine import DockerEngine, start_engine, stop_engine
from testbed.portal import RUNNER, PortalProcess, seed_database
from testbed.services import (
    PostgresServer,
    RedisServer,
    RegistryServer,
    start_postgres,
    start_redis,
    start_registry,
)

# Images of Python often set it: each of the many processes that tests start would compile the product again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Playwright keeps an event loop in this thread; the database is used from it all the same, by one thread at a time.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

#: So long a browser's test waits for what it looks for, milliseconds: more than a page takes on two busy processors.
PATIENCE = 90_000
#: The account of `basic_registry`.
ACCOUNT = ("puller", "correct horse")


def pytest_configure(config: pytest.Config) -> None:
    """Translations are compiled from their sources, as `make install` does; browsers' and generated tests have time.

    What is collected stays: to look through it for garbage, again and again, takes a quarter of the time.
    """
    gc.disable()
    compile_catalogues()
    expect.set_options(timeout=PATIENCE)
    # A busy machine makes examples slowly; that says nothing of what is tested.
    hypothesis_settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis_settings.load_profile("suite")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Content that isn't text names no test: what is compressed holds the second in which each worker made it, and
    workers that collect other names stop the whole run.
    """
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None


#: What is started once in a session, and is dear: tests that share one stay together, so that it is started once
#: in the whole run. The first that a test uses counts.
SHARED = ("docker_engine", "siege", "portal", "sample_site")


@pytest.hookimpl(wrapper=True, tryfirst=True)  # groups before xdist reads them, order after all that shuffle
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Tests that share a service stay together; so do those of a portal that their module starts, by what it stands
    on. Parallel workers begin with what takes long: a long test that begins last leaves the others idle."""
    groups = {item: group for item in items if (group := _group(item))}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    yield
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not _takes_long(item))  # stable: random within
        if config.getvalue("loadgroup"):
            for item, group in groups.items():
                _name_group(item, group)


def _name_group(item: pytest.Item, group: str) -> None:
    """The scheduler reads a group from the end of the test's id. pytest-xdist 3.8 writes it into an attribute that
    pytest 9.2 reads no more: nothing would be grouped, and nobody told."""
    if not item.nodeid.endswith(f"@{group}"):
        item._id = NodeId.parse(f"{item.nodeid}@{group}")
    assert item.nodeid.endswith(f"@{group}"), "the groups of tests can't be told to pytest-xdist"


def _group(item: pytest.Item) -> str:
    names = set(getattr(item, "fixturenames", ()))
    for shared in SHARED:
        if shared in names:
            return shared
    if "make_module_portal" in names:
        house = getattr(item, "callspec", None)
        database = house.params.get("house", "") if house is not None else ""
        return f"{item.path.stem} {database}".strip()
    return ""


def _takes_long(item: pytest.Item) -> bool:
    """Stands on a whole portal or has a time limit of its own, or is a test of the whole system."""
    dear = {"portal_seed", *SHARED} & set(getattr(item, "fixturenames", ()))
    own_limit = item.get_closest_marker("timeout")
    return bool(dear or own_limit or {"system", "stack"} & set(item.nodeid.split("/")))


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
    """Starts a registry of the test's own; takes what :func:`testbed.services.start_registry` takes."""
    with ExitStack() as stack:

        def make(**options: Any) -> RegistryServer:
            server = start_registry(Path(mkdtemp(prefix="registry-", dir=tmp_path)), **options)
            stack.callback(server.running.stop)
            return server

        yield make


@pytest.fixture(scope="session")
def postgres_seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a PostgreSQL may begin as, made once for all workers of a run: its database ``tables`` has all tables and
    no row, to be copied by ``CREATE DATABASE … TEMPLATE tables``."""

    def make(directory: Path) -> None:
        server = start_postgres(directory / "seed")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE tables")
        portal = PortalProcess(directory, {"DATABASE_URL": server.url("tables")})
        _manage(portal.environment(), "migrate", "-v0")
        server.running.stop()

    return _once(tmp_path_factory, "postgres", make) / "seed"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, postgres_seed: Path) -> Iterator[PostgresServer]:
    """A shared PostgreSQL. Make a database of your own."""
    server = start_postgres(tmp_path_factory.mktemp("postgres"), seed=postgres_seed)
    yield server
    server.running.stop()


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    """A shared Docker Engine. Use image names of your own."""
    engine = start_engine(tmp_path_factory.mktemp("docker"))
    yield engine
    stop_engine(engine)


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with all tables, made once for all workers of a run: copy it."""

    def make(directory: Path) -> None:
        portal = PortalProcess(directory, {})
        _manage(portal.environment(), "migrate", "-v0")
        with closing(sqlite3.connect(portal.data_dir / "portal.sqlite3")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return _once(tmp_path_factory, "tables", make) / "data" / "portal.sqlite3"


@pytest.fixture(scope="session")
def static_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collected static files, made once for all workers of a run: do not change them."""

    def make(directory: Path) -> None:
        code = (
            "import io; from registry_portal.web.static_files import collect_if_changed as c; "
            "c(output=io.StringIO())"
        )
        env = {**PortalProcess(directory, {}).environment(), "STATIC_ROOT": str(directory / "static")}
        _manage(env, "shell", "-v0", "-c", code)

    return _once(tmp_path_factory, "static-files", make) / "static"


@pytest.fixture(scope="session")
def portal_seed(tables: Path, static_files: Path) -> tuple[Path, Path]:
    """An empty database with all tables, and the collected static files, for every portal of the session."""
    return tables, static_files


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A directory that one worker of a run fills while the others that need it wait."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # which is the same for all workers
    directory = root / f"once-{name}"
    done = directory / "done"
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(directory)
            done.touch()
    return directory


def _manage(env: Mapping[str, str], *arguments: str) -> None:
    subprocess.run([BIN / "python", ROOT / "manage.py", *arguments], env=env, check=True)


@pytest.fixture(scope="session")
def django_db_keepdb(
    request: pytest.FixtureRequest, django_db_keepdb: bool, django_db_modify_db_settings: None
) -> bool:
    """The tests' own database begins as a copy too, where it is SQLite's: migrating it finds nothing to do then."""
    from django.db import connections

    database = connections["default"].settings_dict
    if not database["ENGINE"].endswith("sqlite3"):
        return django_db_keepdb
    shutil.copyfile(request.getfixturevalue("tables"), database["TEST"]["NAME"])
    return True


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_keepdb: bool,
    django_db_blocker: Any,
) -> Iterator[None]:
    """The tests' database, for whoever asks. pytest-django's own makes none when it sees no test that needs one, and it
    does not see those whose rows a fixture of their file holds. Rows are deleted without what takes long and changes
    nothing."""
    from django.test.utils import setup_databases, teardown_databases

    from tests.support.flushing import types_and_permissions_stay

    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, keepdb=django_db_keepdb, serialized_aliases=())
    with types_and_permissions_stay():
        yield
    if django_db_keepdb:
        return
    # A thread that a test left may hold a session of PostgreSQL; the database goes with its server all the same.
    with django_db_blocker.unblock(), suppress(DatabaseError):
        teardown_databases(made, verbosity=0)


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
    from stack.services.tools import find

    path = find("chromium", "chromium-browser", "google-chrome")
    assert path, "Chromium is missing; make test installs it"
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"]
    return {**browser_type_launch_args, "executable_path": path, "args": arguments}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """An English browser, whatever the language of this machine."""
    return {**browser_context_args, "locale": "en-US", "timezone_id": "UTC"}


@pytest.fixture(scope="session")
def browser(browser: Browser) -> Browser:
    """One whose pages have as much time as :data:`PATIENCE`, whichever way they are opened."""
    inner = browser.new_context

    def patient(**options: Any) -> BrowserContext:
        context = inner(**options)
        context.set_default_timeout(PATIENCE)
        return context

    browser.new_context = patient  # type: ignore[method-assign]
    return browser
