"""The whole portal by Docker Compose, on a real Engine, with base images made on this machine.

Takes minutes and a Debian mirror, so it is no part of the usual suite: ``make compose``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.check_observability import Collector
from stack.paths import BIN, ROOT
from stack.reader import ReadError
from testbed.engine import DockerEngine
from tests.support.services.compose import SERVICES, Compose, until

pytestmark = pytest.mark.compose

#: A registry without any configuration of its own, on all addresses of its container.
SOURCE = (
    """printf '{"version": "0.1", "storage": {"filesystem": {"rootdirectory": "/tmp/data"}},"""
    """ "http": {"addr": ":5000"}}' > /tmp/source.yml && exec docker-registry serve /tmp/source.yml"""
)


@pytest.fixture(scope="module")
def stack(docker_engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    assert shutil.which("docker-compose"), "docker-compose is missing: make compose installs it"
    # Made once and named, it spares a second run two minutes. (What begins with PORTAL_ is taken out of tests.)
    root = Path(os.environ.get("COMPOSE_TEST_ROOT") or tmp_path_factory.mktemp("root"))
    env = {**os.environ, "DOCKER_HOST": docker_engine.host}
    subprocess.run([BIN / "python", "-m", "scripts.local_images", root], cwd=ROOT, env=env, check=True)
    found = Compose(docker_engine, root)
    found.build()
    try:
        found.compose("up", "-d")
        docker_engine.docker(
            *("run", "-d", "--name", "portaltest_source", "--network", "portaltest_default"),
            *("--network-alias", "source", "-p", f"127.0.0.1:{found.source_port}:5000"),
            *("--entrypoint", "sh", "registry:2.8.3", "-c", SOURCE),
        )
        until(lambda: requests.get(f"http://localhost:{found.port}/readyz", timeout=5).status_code == 200)
        until(lambda: requests.get(f"http://localhost:{found.source_port}/v2/", timeout=5).status_code == 200)
        found.slow_down("portaltest_source")
        found.sign_in()
        yield found
    finally:
        subprocess.run(["docker", "rm", "-f", "portaltest_source"], env=env, capture_output=True, check=False)
        found.compose("down", "-v")


def test_an_image_is_imported_and_arrives_intact(stack: Compose) -> None:
    digest = stack.push_source("team/app", "1", 2_000_000)
    project = stack.project()
    task = stack.wait(project, stack.submit(project, "source:5000/team/app:1"))
    assert (task["status"], task["digest"]) == ("success", digest), task
    assert stack.verify("library/team/app", "1") == digest


def test_a_pull_through_the_front_brings_what_is_missing_and_says_what_can_not_come(stack: Compose) -> None:
    digest = stack.push_source("team/pulled", "1", 1_000_000)
    changed = stack.call("PATCH", f"/projects/{stack.project()}", {"first_pull": "viewer"})
    assert changed.status_code == 200, changed.text
    # By tag, and by digest; every layer is read from the front, which sends it itself.
    assert stack.verify("library/source__5000/team/pulled", "1") == digest
    assert stack.verify("library/source__5000/team/pulled", digest) == digest
    rows = stack.call("GET", f"/projects/{stack.project()}/images/import").json()["results"]
    (task,) = [row for row in rows if "team/pulled" in row["source_image"]]
    assert (task["target_tag"], task["status"], task["requested_by"]) == ("1", "success", "admin")
    with pytest.raises(ReadError, match="404"):
        stack.verify("library/source__5000/team/none", "1")


def test_no_container_is_root_and_every_file_system_is_read_only(stack: Compose) -> None:
    for name in stack.engine.docker("ps", "--format", "{{.Names}}").split():
        if name == "portaltest_source":
            continue
        about = json.loads(stack.engine.docker("inspect", name))[0]
        assert about["Config"]["User"] not in {"", "0", "root"}, name
        assert about["HostConfig"]["ReadonlyRootfs"], name
        assert about["HostConfig"]["CapDrop"] == ["ALL"], name
        assert about["HostConfig"]["Memory"] > 0, name


def test_every_container_says_that_it_is_healthy(stack: Compose) -> None:
    until(lambda: set(stack.health().values()) == {"healthy"})
    assert set(stack.health()) == set(SERVICES)


def test_no_secret_stands_in_a_containers_environment(stack: Compose) -> None:
    show = "cat /config/database_url /config/redis_url /var/lib/portal/secrets/*"
    secrets = [
        line for line in stack.compose("exec", "-T", "web", "sh", "-c", show).split() if len(line) > 20
    ]
    assert len(secrets) > 5
    shown = stack.engine.docker("inspect", *(f"portaltest_{name}_1" for name in SERVICES))
    assert not [secret for secret in secrets if secret in shown]


def test_no_service_reads_another_services_secrets(stack: Compose) -> None:
    has = {
        "database": "database_password",
        "redis": "redis.conf",
        "registry": "registry.yml token_service.crt",
    }
    for service, names in has.items():
        assert stack.compose("exec", "-T", service, "ls", "/config").split() == names.split()
    assert stack.compose("exec", "-T", "web", "ls", "/config").split() == ["database_url", "redis_url"]


@pytest.mark.parametrize("service", SERVICES)
def test_killing_a_container_in_the_middle_of_an_import_loses_nothing(stack: Compose, service: str) -> None:
    digest, task = stack.import_slowly(f"team/{service}")
    # As a crash, not as `docker kill`: that would be the operator's will, which no restart policy undoes.
    os.kill(stack.state(service)["Pid"], signal.SIGKILL)
    found = stack.wait(stack.project(), task)
    assert (found["status"], found["digest"]) == ("success", digest), found
    until(lambda: stack.health()[service] == "healthy")
    assert stack.verify(f"library/team/{service}", "1") == digest


def test_a_worker_that_is_stopped_in_the_middle_gives_its_import_back(stack: Compose) -> None:
    digest, task = stack.import_slowly("team/stopped")
    stack.compose("stop", "worker")
    # Within its grace, not killed after it.
    assert stack.state("worker")["ExitCode"] == 0
    stack.compose("start", "worker")
    found = stack.wait(stack.project(), task)
    history = [(each["attempt"], each["outcome"]) for each in found["history"]]
    assert (found["status"], found["digest"]) == ("success", digest), found
    assert history == [(1, "handed_back"), (1, "success")], history


def test_the_database_takes_as_many_sessions_as_are_asked_for(stack: Compose) -> None:
    shown = stack.compose(
        *("exec", "-T", "database", "psql", "-U", "portal", "-d", "portal", "-Atc", "SHOW max_connections")
    )
    assert shown.strip() == stack.env["DATABASE_CONNECTIONS"]


def test_a_second_up_changes_no_secret(stack: Compose) -> None:
    shown = (
        "import hashlib, pathlib;"
        "print(hashlib.sha256(pathlib.Path('/config/database_url').read_bytes()).hexdigest())"
    )
    before = stack.compose("exec", "-T", "web", "python", "-c", shown)
    stack.compose("up", "-d")
    assert stack.compose("exec", "-T", "web", "python", "-c", shown) == before


def test_the_guides_backup_rotation_garbage_collection_restore_and_upgrade_work_as_written(
    stack: Compose, tmp_path: Path
) -> None:
    project = stack.project()
    kept = stack.push_source("team/kept", "1", 1_000_000)
    stack.wait(project, stack.submit(project, "source:5000/team/kept:1"))
    body = {"name": "theirs", "registry": "ghcr.io", "username": "me", "password": "not-to-be-lost"}
    assert stack.call("POST", f"/projects/{project}/credentials", body).status_code == 201
    stack.guide("backup", tmp_path)
    assert not [path.name for path in tmp_path.iterdir() if path.is_file() and path.stat().st_mode & 0o77]
    assert "1 re-encrypted" in stack.guide("rotate", tmp_path)
    until(lambda: stack.health()["web"] == "healthy")

    digest, task = stack.import_slowly("team/late")
    stack.guide("garbage", tmp_path)
    found = stack.wait(project, task)
    assert (found["status"], found["digest"]) == ("success", digest), found
    assert "worker_lost" not in {each["error_code"] for each in found["history"]}
    assert stack.verify("library/team/late", "1") == digest

    network = ("portaltest_default", "portaltest_source")
    stack.engine.docker("network", "disconnect", *network)
    stack.compose("down", "-v")
    stack.guide("restore", tmp_path)
    stack.engine.docker("network", "connect", "--alias", "source", *network)
    until(lambda: requests.get(f"http://localhost:{stack.port}/readyz", timeout=5).status_code == 200)
    # The same token, the same password, the same image, and the key that reads the credential.
    assert [row["name"] for row in stack.call("GET", f"/projects/{project}/credentials").json()["results"]]
    assert stack.verify("library/team/kept", "1") == kept
    said = stack.compose("exec", "-T", "web", "python", "manage.py", "rotate_credentials", "--dry-run")
    assert "0 to re-encrypt, 1 current" in said
    again = stack.push_source("team/again", "1", 1_000_000)
    found = stack.wait(project, stack.submit(project, "source:5000/team/again:1"))
    assert (found["status"], found["digest"]) == ("success", again), found

    stack.guide("upgrade", tmp_path)
    until(lambda: set(stack.health().values()) == {"healthy"})


def test_a_collection_that_is_asked_for_by_the_api_frees_what_was_given_up_while_people_pull(
    stack: Compose,
) -> None:
    """The collector's container carries out the row; web, which answers, sees none of the registry's files."""
    project = stack.project()
    kept = stack.push_source("team/stays", "1", 1_000_000)
    stack.push_source("team/goes", "1", 4_000_000)
    for name in ("stays", "goes"):
        task = stack.wait(project, stack.submit(project, f"source:5000/team/{name}:1"))
        assert task["status"] == "success", task
    (image,) = stack.call("GET", f"/projects/{project}/images?repository=team/goes").json()["results"]
    assert stack.call("DELETE", f"/projects/{project}/images/{image['id']}").status_code == 204
    (trashed,) = stack.call("GET", f"/projects/{project}/trash").json()["results"]
    assert stack.call("DELETE", f"/projects/{project}/trash/{trashed['id']}").status_code == 204
    answer = stack.call("POST", "/maintenance/collect")
    assert answer.status_code == 202, answer.text

    def is_over() -> bool:
        assert stack.verify("library/team/stays", "1") == kept
        found: str = stack.call("GET", f"/maintenance/collect/{answer.json()['id']}").json()["state"]
        return found not in ("waiting", "running")

    until(is_over, seconds=600)  # the last token to push runs out first
    found = stack.call("GET", f"/maintenance/collect/{answer.json()['id']}").json()
    assert (found["state"], found["error"]) == ("done", ""), found
    assert found["freed_bytes"] > 6_000_000
    assert stack.verify("library/team/stays", "1") == kept


#: What a container does with its own settings and packages: an error in the log, which is a report.
REPORT = """
import logging
from registry_portal.observability import exporters
exporters.start()
logging.getLogger("check").error("said in the container")
exporters.flush()
"""


def test_error_reports_and_traces_are_sent_from_the_image_with_their_packages_as_written(
    stack: Compose, tmp_path: Path
) -> None:
    network = json.loads(stack.engine.docker("network", "inspect", "portaltest_default"))[0]
    collector = Collector(network["IPAM"]["Config"][0]["Gateway"])
    lock = "requirements-observability.lock"
    # Layers that the guide's `docker compose build` finds: in its network nothing is reached from here.
    stack.build(LOCK=lock)
    # As in .env.
    stack.env |= {
        "PORTAL_LOCK": lock,
        "SENTRY_DSN": f"http://key@{collector.address}/1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}",
    }
    stack.guide("upgrade", tmp_path)
    until(lambda: stack.health()["web"] == "healthy")
    digest = stack.push_source("team/traced", "1", 1_000_000)
    found = stack.wait(stack.project(), stack.submit(stack.project(), "source:5000/team/traced:1"))
    assert (found["status"], found["digest"]) == ("success", digest), found
    for span in (b"images/import", b"import attempt", found["id"].encode()):
        until(lambda: span in collector.received("/v1/traces"), seconds=30)  # noqa: B023 - within the turn
    stack.compose("exec", "-T", "worker", "python", "manage.py", "shell", "-v0", "-c", REPORT)
    assert b"said in the container" in collector.received("/api/1/envelope")
