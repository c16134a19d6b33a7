"""The installed program, with Python alone, against a running portal: what a person does with it on one day."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from portal_client.main import COMMANDS
from stack.sample import sample_image
from testbed.images import random_image
from testbed.portal import ADMIN, PortalProcess
from testbed.services import RegistryServer

NAME = "client-installed"


@dataclass
class Program:
    """`portal` in an environment of its own, with a home of its own."""

    path: Path
    home: Path

    def __call__(self, *words: str, typed: str = "", code: int = 0) -> str:
        done = subprocess.run(
            [self.path, *words], input=typed, capture_output=True, text=True, timeout=300, check=False,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], "NO_PROXY": "*"}, cwd=self.home,
        )  # fmt: skip
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout

    def rows(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*words, "--json").splitlines()]


@pytest.fixture
def program(installed: Path, tmp_path: Path, portal: PortalProcess) -> Program:
    """It has signed in and made a project."""
    made = Program(installed / "portal", tmp_path)
    made("login", portal.url, "-u", ADMIN, "--password-stdin", typed=portal.password + "\n")
    if not made.rows("project", "list", "--search", NAME):
        made("project", "create", NAME)
    return made


def test_a_day_with_the_installed_program(
    program: Program, portal: PortalProcess, registry: RegistryServer, tmp_path: Path
) -> None:
    here = ("-p", NAME)
    image = f"{registry.host}/client/installed:1"
    digest = registry.push("client/installed", "1", sample_image())
    assert "client/installed" in program("plan", image, *here)
    (task,) = program.rows("import", image, *here, "--name", "app", "--wait")
    assert (task["status"], task["digest"]) == ("success", digest)
    assert [row["id"] for row in program.rows("list", *here)] == [task["id"]]
    program("watch", task["id"], *here)
    program("cancel", task["id"], *here, code=1)
    program("import", f"{image}9", *here, "--wait", code=1)

    assert program.rows("image", "list", *here)[0]["tag"] == "1"
    assert digest in program("image", "history", "app:1", *here)
    (bundle,) = program.rows("bundle", "create", "app:1", *here, "-o", str(tmp_path))
    (file,) = tmp_path.glob("*.tar")
    assert file.stat().st_size == bundle["size"]
    assert program.rows("upload", str(file), *here)
    program("bundle", "import", str(file), *here, "--prefix", "far", "--wait")
    assert portal.verify(f"{NAME}/far/app", "1").digest == digest

    (tmp_path / "pod.yaml").write_text(f"image: {image}\n")
    assert f"{portal.registry_host}/{NAME}/app:1" in program("rewrite", "pod.yaml", *here)
    program("group", "add", *here, "--group", "devs", "--role", "viewer")
    program("schedule", "add", *here, "--image", image, "--name", "app", "--cron", "0 3 * * *")
    program("schedule", "run", image, *here)
    account = ("--name", "it", "--registry", registry.host, "--username", "u", "--password-stdin")
    program("credential", "add", *here, *account, typed="p\n")
    program("credential", "test", "it", *here)
    program("image", "remove", "far/app:1", *here, "--yes")
    assert [row["repository"] for row in program.rows("trash", "list", *here)] == ["far/app"]
    program("trash", "restore", "far/app:1", *here)
    assert portal.verify(f"{NAME}/far/app", "1").digest == digest
    program("image", "remove", "far/app:1", *here, "--yes")
    program("trash", "remove", "far/app:1", *here, "--yes")
    assert program.rows("trash", "list", *here) == []


def test_what_has_no_command_is_asked_of_the_api_itself(program: Program, registry: RegistryServer) -> None:
    name = f"{NAME}-api"
    here = ("-p", name)
    program("project", "create", name)
    rule = {"repositories": ["old/*"], "keep_newest": 1}
    (made,) = program.rows("api", "/projects/{project}/retention", *here, "-d", json.dumps(rule))
    assert program.rows("api", "/api/v1/projects/{project}/retention?page_size=1", *here) == [made]
    path = f"/projects/{{project}}/retention/{made['id']}"
    typed = json.dumps({"keep_newest": 2})
    changed = json.loads(program("api", path, *here, "-X", "PATCH", "-d", "-", "--json", typed=typed))
    assert changed["keep_newest"] == 2
    program("api", path, *here, "-d", "{", code=1)
    program("api", path, code=2)

    image = f"{registry.host}/client/cleaned:1"
    registry.push("client/cleaned", "1", sample_image())
    for tag in ("1", "2", "3"):
        program("import", image, *here, "--name", "old/app", "--tag", tag, "--wait")
    told = program.rows("clean-up", "--dry-run", *here)
    assert [row["action"] for row in told].count("remove") == 1
    program("clean-up", *here, "--yes")
    assert len(program.rows("trash", "list", *here)) == 1
    program("image", "scan", "old/app:3", *here, code=1)  # There is no scanner.

    program("api", path, *here, "-X", "DELETE")
    program("api", "/projects/{project}", *here, "-X", "PATCH", "-d", '{"default_action": "approve"}')
    for number in ("8", "9"):
        program("import", image, *here, "--name", "asked", "--tag", number)
    asked = [row["id"] for row in program.rows("list", "--status", "requested", *here)]
    assert len(asked) == 2
    program("reject", asked[0], *here, "--reason", "not this one")
    deadline = time.monotonic() + 60
    while not program.rows("api", f"/projects/{{project}}/images/import/{asked[1]}", *here)[0][
        "source_digest"
    ]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    program("approve", asked[1], *here)
    program("watch", asked[1], *here)
    program("project", "delete", name, "--yes")


def test_what_a_maintainer_does_with_it_on_another(
    program: Program, portal: PortalProcess, registry: RegistryServer, tmp_path: Path
) -> None:
    name = f"{NAME}-rows"
    here = ("-p", name)
    program("project", "create", name)
    program("project", "edit", name, "--description", "by command")
    assert program.rows("project", "usage", name)[0]["images"] == 0
    assert program.rows("project", "digest", name)[0]["subscribed"] is False

    first = registry.push("client/rows", "1", sample_image())
    image = f"{registry.host}/client/rows:1"
    program("import", image, *here, "--name", "app", "--wait")
    registry.push("client/rows", "1", random_image([2000], seed=22))
    program("import", image, *here, "--name", "app", "--wait")
    assert program.rows("image", "show", "app:1", *here)[0]["digest"] != first
    program("image", "restore", "app:1", first, *here)
    assert program.rows("image", "show", "app:1", *here)[0]["digest"] == first
    lost = json.loads(program("import", f"{image}9", *here, "--wait", "--json", code=1))
    (again,) = program.rows("retry", lost["id"], *here)
    assert again["retry_of"] == lost["id"]
    program("watch", again["id"], *here, code=1)

    program("bundle", "receipt", *here, "-o", str(tmp_path / "receipt.json"))
    (bundle,) = program.rows("bundle", "create", "app:1", *here, "-o", str(tmp_path))
    for file in tmp_path.glob("*.tar"):
        file.unlink()
    program("bundle", "download", bundle["id"], *here, "-o", str(tmp_path))
    assert len(list(tmp_path.glob("*.tar"))) == 1
    assert [row["id"] for row in program.rows("bundle", "list", *here)] == [bundle["id"]]
    program("bundle", "remove", bundle["id"], *here, "--yes")

    pod = {"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}, "status": {"phase": "Running"}}
    other = f"{registry.host}/client/rows:2"
    registry.push("client/rows", "2", random_image([2000], seed=23))
    pods = {"kind": "List", "items": [{**pod, "spec": {"containers": [{"name": "a", "image": other}]}}]}
    program("cluster", "add", *here, "--name", "prod")
    program("cluster", "inventory", "prod", *here, typed=json.dumps(pods))
    (begun,) = program.rows("cluster", "import", "prod", *here)
    assert program.rows("cluster", "list", *here)[0]["name"] == "prod"
    program("watch", begun["batch"], *here)
    assert [row["id"] for row in program.rows("batch", "list", *here)] == [begun["batch"]]
    assert [row["status"] for row in program.rows("batch", "results", begun["batch"], *here)] == ["success"]
    program("cluster", "remove", "prod", *here, "--yes")
    journal = {row["action"] for row in program.rows("project", "journal", name)}
    assert {"project.created", "image.restored"} <= journal
    program("project", "delete", name, "--yes")


def test_what_an_owner_sets_with_it(program: Program, make_person: Callable[[str], str]) -> None:
    make_person("client-ann")
    here = ("-p", NAME)
    program("member", "add", *here, "--username", "client-ann", "--role", "viewer")
    program("member", "edit", "client-ann", *here, "--role", "developer")
    rows = program.rows("member", "list", *here)
    assert ("client-ann", "developer") in {(row["username"], row["role"]) for row in rows}
    program("group", "add", *here, "--group", "ops", "--role", "viewer")
    program("group", "edit", "ops", *here, "--role", "developer")
    rows = program.rows("group", "list", *here)
    assert ("ops", "developer") in {(row["group"], row["role"]) for row in rows}
    account = ("--name", "old", "--registry", "ghcr.io", "--username", "u", "--password-stdin")
    program("credential", "add", *here, *account, typed="p\n")
    program("credential", "edit", "old", *here, "--username", "v")
    rows = program.rows("credential", "list", *here)
    assert ("old", "v") in {(row["name"], row["username"]) for row in rows}
    program("schedule", "add", *here, "--image", "redis:7", "--cron", "0 3 * * *")
    program("schedule", "edit", "redis:7", *here, "--no-enabled")
    assert False in {row["enabled"] for row in program.rows("schedule", "list", *here)}
    url = "https://hooks.example.com/in"
    program("webhook", "add", *here, "--url", url, "--format", "slack")
    program("webhook", "edit", url, *here, "--failures-only")
    assert program.rows("webhook", "list", *here)[0]["failures_only"] is True
    (robot,) = program.rows("robot", "add", *here, "--name", "ci", "--access", "pull")
    assert robot["secret"] not in program("robot", "list", *here)
    program("member", "remove", "client-ann", *here, "--yes")
    program("group", "remove", "ops", *here, "--yes")
    program("credential", "remove", "old", *here, "--yes")
    program("schedule", "remove", "redis:7", *here, "--yes")
    program("webhook", "remove", url, *here, "--yes")
    program("robot", "remove", "ci", *here, "--yes")


def test_a_token_that_is_revoked_is_one_no_more(program: Program, portal: PortalProcess) -> None:
    before = {row["id"] for row in program.rows("token", "list")}
    program("login", portal.url, "-u", ADMIN, "--password-stdin", typed=portal.password + "\n")
    (made,) = {row["id"] for row in program.rows("token", "list")} - before
    program("token", "revoke", made)
    program("token", "list", code=1)


def test_every_command_that_there_is_is_called_in_this_file() -> None:
    """With the installed program, against a portal that runs as `make run` runs it."""
    calls = [
        [each.value for each in node.args if isinstance(each, ast.Constant)]
        for node in ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("program", "program.rows", "made", "made.rows")
    ]
    assert [words for words in _commands() if not any(call[: len(words)] == words for call in calls)] == []


def _commands(group: click.Group | None = None, *before: str) -> Iterator[list[str]]:
    for command in group.commands.values() if group else COMMANDS:
        words = [*before, str(command.name)]
        if isinstance(command, click.Group):
            yield from _commands(command, *words)
        else:
            yield words


def test_a_file_is_applied_once_and_then_changes_nothing(program: Program) -> None:
    (program.home / "portal.yaml").write_text(
        "apiVersion: portal/v1\n"
        f"projects: [{{name: {NAME}, description: by file, schedules: [{{image_url: nginx, cron: 0 3 * * *}}]}}]\n"
    )
    assert "by file" in program("apply", "portal.yaml", "--dry-run", "--exit-code", code=1)
    assert [row["kind"] for row in program.rows("apply", "portal.yaml")] == ["project", "schedule"]
    assert program("apply", "portal.yaml") == "Nothing to change.\n"
    program("apply", "portal.yaml", "--dry-run", "--exit-code")


def test_its_exit_codes_tell_a_wrong_line_from_a_failure(program: Program) -> None:
    program("nonsense", code=2)
    program("import", "-p", NAME, code=2)
    program("list", "-p", "client-nowhere", code=1)
    for shell in ("bash", "zsh", "fish"):
        assert "_PORTAL_COMPLETE" in program("completion", shell)
    program("logout")
    program("list", code=1)
