"""Imports by the command line, from a real registry into a real portal."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

from stack.sample import image_of, sample_image
from testbed.images import random_layer
from testbed.portal import PortalProcess
from testbed.services import RegistryServer
from testbed.tcp_proxy import TcpProxy
from tests.client.conftest import Terminal


def test_an_import_that_is_waited_for_ends_with_the_image_there(
    portal: PortalProcess, admin: Terminal, registry: RegistryServer
) -> None:
    digest = registry.push("client/one", "1", sample_image())
    admin.succeed("project", "create", "client-one")
    said = admin.succeed(
        "import", f"{registry.host}/client/one:1", "-p", "client-one", "--wait", "--name", "app"
    )
    assert f"Imported {portal.registry_host}/client-one/app:1. Digest {digest}," in said.out
    assert ": 100 %" in said.err
    assert portal.verify("client-one/app", "1").digest == digest
    (image,) = admin.succeed("image", "list", "-p", "client-one", "--json").rows
    assert (image["repository"], image["tag"], image["digest"]) == ("app", "1", digest)
    shown = admin.succeed("image", "show", "app:1", "-p", "client-one").out
    assert f"docker pull {portal.registry_host}/client-one/app:1" in shown


def test_on_a_terminal_an_import_is_a_bar_that_ends_full(
    portal: PortalProcess, admin: Terminal, registry: RegistryServer
) -> None:
    registry.push("client/bar", "1", sample_image())
    admin.succeed("project", "create", "client-bar")
    words = ("import", f"{registry.host}/client/bar:1", "-p", "client-bar", "--wait")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "portal_client", *words]
    env = {**admin.env, "TERM": "xterm", "COLUMNS": "160"}
    with subprocess.Popen(command, env=env, stderr=theirs, stdout=subprocess.PIPE, text=True) as program:
        os.close(theirs)
        seen = "".join(_read(ours))
        assert program.stdout is not None
        assert (
            f"Imported {portal.registry_host}/client-bar/client/bar:1. Digest sha256:"
            in program.stdout.read()
        )
    assert program.returncode == 0
    assert "━" in seen
    assert "100 %" in seen


def _read(terminal: int) -> Iterator[str]:
    """What a program writes to its terminal until it closes it, which Linux tells by EIO."""
    with closing(os.fdopen(terminal, "rb", buffering=0)) as screen:
        try:
            while piece := screen.read(65536):
                yield piece.decode(errors="replace")
        except OSError as exc:
            assert exc.errno == errno.EIO


def test_json_is_the_apis_own_a_line_for_each_import_and_nothing_else(
    admin: Terminal, registry: RegistryServer
) -> None:
    for name in ("a", "b"):
        registry.push(f"client/json-{name}", "1", sample_image())
    admin.succeed("project", "create", "client-json")
    images = [f"{registry.host}/client/json-{name}:1" for name in ("a", "b")]
    said = admin.succeed("--json", "import", *images, "-p", "client-json", "--wait")
    assert [row["image_url"] for row in said.rows] == images
    assert {(row["status"], row["progress"]) for row in said.rows} == {("success", 100)}
    (batch,) = admin.succeed("batch", "list", "-p", "client-json", "--json").rows
    assert batch["counts"]["success"] == 2
    again = admin.succeed("watch", batch["id"], "--json")
    assert {row["id"] for row in again.rows} == {row["id"] for row in said.rows}


def test_a_failed_import_ends_with_one_and_the_sentence_on_standard_error(
    admin: Terminal, registry: RegistryServer
) -> None:
    admin.succeed("project", "create", "client-fails")
    missing = f"{registry.host}/client/no-such:1"
    said = admin.program("import", missing, "-p", "client-fails", "--wait")
    assert (said.code, said.out) == (1, "")
    assert f"{missing}: " in said.err
    assert "(not_found)" in said.err
    (task,) = admin.succeed("list", "-p", "client-fails", "--status", "failed", "--json").rows
    assert task["error_code"] == "not_found"
    registry.push("client/no-such", "1", sample_image())
    admin.succeed("retry", task["id"])
    (retried, *_rest) = admin.succeed("list", "-p", "client-fails", "--json").rows
    assert admin.succeed("watch", retried["id"]).code == 0


def test_a_reference_that_is_none_is_refused_with_the_fields_sentence(admin: Terminal) -> None:
    admin.succeed("project", "create", "client-bad")
    said = admin.run("import", "Not A Reference", "-p", "client-bad")
    assert said.code == 1
    assert said.err.startswith("Error: image_url: ")
    as_json = admin.run("import", "Not A Reference", "-p", "client-bad", "--json")
    assert (as_json.code, as_json.out) == (1, "")
    assert '"image_url": [' in as_json.err


def test_a_wrong_command_line_ends_with_two(admin: Terminal) -> None:
    for words in (
        ("nonsense",),
        ("import", "nginx"),  # no project
        ("import", "-p", "x"),  # no image: said before anything is asked
        ("watch", "not-an-id"),
        ("list", "--status", "odd"),
        ("import", "nginx", "-p", "library", "--username", "u"),
    ):
        said = admin.run(*words, PORTAL_PROJECT="")
        assert said.code == 2, (words, said)
        assert said.err.startswith("Usage: "), said.err


def test_a_list_of_images_becomes_one_batch(admin: Terminal, registry: RegistryServer) -> None:
    for name in ("x", "y"):
        registry.push(f"client/list-{name}", "1", sample_image())
    admin.succeed("project", "create", "client-list")
    text = f"# two\n{registry.host}/client/list-x:1\ndocker pull {registry.host}/client/list-y:1\n"
    said = admin.succeed("import", "-f", "-", "-p", "client-list", "--wait", "--json", typed=text)
    assert {row["target_name"] for row in said.rows} == {"client/list-x", "client/list-y"}
    bad = admin.run("import", "-f", "-", "-p", "client-list", typed="???\n")
    assert bad.code == 1
    assert "-:1: " in bad.err


def test_a_plan_says_what_would_move_and_moves_nothing(
    portal: PortalProcess, admin: Terminal, registry: RegistryServer
) -> None:
    digest = registry.push("client/plan", "1", sample_image())
    admin.succeed("project", "create", "client-plan")
    (plan,) = admin.succeed("plan", f"{registry.host}/client/plan:1", "-p", "client-plan", "--json").rows
    assert (plan["source_digest"], plan["target_digest"]) == (digest, None)
    assert "linux/arm64" in admin.succeed("plan", f"{registry.host}/client/plan:1", "-p", "client-plan").out
    assert admin.succeed("image", "list", "-p", "client-plan", "--json").rows == []
    missing = admin.run("plan", f"{registry.host}/client/nowhere:1", "-p", "client-plan", "--json")
    assert missing.code == 1
    assert '"code": "not_found"' in missing.err


def test_a_waiting_client_survives_a_restart_of_the_portal(
    portal: PortalProcess, admin: Terminal, registry: RegistryServer
) -> None:
    """The connection breaks in the middle of the wait, and nobody listens for two seconds."""
    registry.push("client/slow", "1", image_of([random_layer(1_000_000, seed=5)]))
    admin.succeed("project", "create", "client-slow")
    host, _, port = portal.url.removeprefix("http://").partition(":")
    with TcpProxy((host, int(port))) as proxy:
        back = threading.Timer(2.0, proxy.accept)

        def restart() -> None:
            proxy.refuse()
            back.start()

        proxy.trip(rb"GET /api/v1/projects/[^ ]+/images/import/", restart)
        said = admin.run(
            "import",
            f"{registry.host}/client/slow:1",
            "-p",
            "client-slow",
            "--wait",
            PORTAL_URL=f"http://{proxy.address}",
        )
        back.join()
    assert said.code == 0, said


def test_a_lost_answer_makes_no_second_import(
    portal: PortalProcess, admin: Terminal, registry: RegistryServer
) -> None:
    registry.push("client/lost", "1", sample_image())
    admin.succeed("project", "create", "client-lost")
    host, _, port = portal.url.removeprefix("http://").partition(":")
    with TcpProxy((host, int(port))) as proxy:
        proxy.trip(rb"POST /api/v1/projects/[^ ]+/images/import ", lambda: _break(proxy), answered=True)
        said = admin.run(
            "import",
            f"{registry.host}/client/lost:1",
            "-p",
            "client-lost",
            "--json",
            PORTAL_URL=f"http://{proxy.address}",
        )
    assert said.code == 0, said
    assert [row["id"] for row in admin.succeed("list", "-p", "client-lost", "--json").rows] == [
        said.rows[0]["id"]
    ]


def _break(proxy: TcpProxy) -> None:
    threading.Thread(target=proxy.reset_all).start()
    time.sleep(0.2)  # the answer is on hold until the connection is gone


def test_an_import_that_is_not_over_in_time_goes_on(
    portal: PortalProcess, admin: Terminal, registry: RegistryServer
) -> None:
    registry.push("client/time", "1", sample_image())
    admin.succeed("project", "create", "client-time")
    said = admin.run(
        "import", f"{registry.host}/client/time:1", "-p", "client-time", "--wait", "--timeout", "0"
    )
    assert said.code == 1
    assert "continues" in said.err
    (task,) = admin.succeed("list", "-p", "client-time", "--json").rows
    assert admin.succeed("watch", task["id"]).code == 0


def test_lists_go_over_pages_and_over_projects(admin: Terminal) -> None:
    for number in range(3):
        admin.succeed("project", "create", f"client-page-{number}")
    rows = admin.succeed("project", "list", "--search", "client-page-", "--json").rows
    assert {row["name"] for row in rows} == {f"client-page-{number}" for number in range(3)}
    assert admin.succeed("list", "--limit", "2").out.startswith("ID")
