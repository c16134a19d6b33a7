"""The families of commands that the table of kinds makes."""

from __future__ import annotations

import json
from collections.abc import Callable

from testbed.portal import PortalProcess
from tests.client.conftest import Terminal


def test_members_come_change_and_go(admin: Terminal, make_person: Callable[[str], str]) -> None:
    make_person("client-ada")
    admin.succeed("project", "create", "client-members")
    here = ("-p", "client-members")
    admin.succeed("member", "add", *here, "--username", "client-ada", "--role", "viewer")
    admin.succeed("member", "edit", "client-ada", *here, "--role", "maintainer")
    rows = {row["username"]: row["role"] for row in admin.succeed("member", "list", *here, "--json").rows}
    assert rows == {"admin": "owner", "client-ada": "maintainer"}
    asked = admin.run("member", "remove", "client-ada", *here)
    assert asked.code == 1
    assert "--yes" in asked.err
    admin.succeed("member", "remove", "client-ada", *here, "--yes")
    last = admin.run("member", "remove", "admin", *here, "--yes", "--json")
    assert (last.code, json.loads(last.err)["code"]) == (1, "last_owner")


def test_a_credentials_password_is_read_from_standard_input_and_never_shown(admin: Terminal) -> None:
    admin.succeed("project", "create", "client-credentials")
    here = ("-p", "client-credentials")
    made = admin.succeed(
        "credential",
        "add",
        *here,
        "--name",
        "hub",
        "--registry",
        "docker.io",
        "--username",
        "bot",
        typed="s3cret-hub\n",
    )
    listed = admin.succeed("credential", "list", *here, "--json")
    assert (listed.rows[0]["name"], listed.rows[0]["has_password"]) == ("hub", True)
    assert "s3cret-hub" not in made.out + made.err + listed.out + listed.err
    admin.succeed(
        "schedule",
        "add",
        *here,
        "--image",
        "nginx",
        "--tag",
        "1.2*",
        "--cron",
        "0 3 * * *",
        "--credential",
        "hub",
    )
    used = admin.run("credential", "remove", "hub", *here, "--yes", "--json")
    assert (used.code, json.loads(used.err)["code"]) == (1, "credential_in_use")


def test_a_schedule_is_switched_off_and_removed_by_its_image(admin: Terminal) -> None:
    admin.succeed("project", "create", "client-schedules")
    here = ("-p", "client-schedules")
    admin.succeed(
        "schedule",
        "add",
        *here,
        "--image",
        "nginx",
        "--tag",
        "1.2*",
        "--tag",
        "latest",
        "--cron",
        "0 3 * * *",
    )
    admin.succeed("schedule", "edit", "nginx", *here, "--no-enabled", "--timezone", "Asia/Shanghai")
    (row,) = admin.succeed("schedule", "list", *here, "--json").rows
    assert (row["tags"], row["enabled"], row["timezone"]) == (["1.2*", "latest"], False, "Asia/Shanghai")
    assert admin.run("schedule", "edit", "nginx", *here).code == 2
    admin.succeed("schedule", "remove", "nginx", *here, "--yes")
    assert admin.succeed("schedule", "list", *here, "--json").rows == []


def test_a_webhook_and_a_robot_are_made_and_the_robots_secret_is_shown_once(
    portal: PortalProcess, admin: Terminal
) -> None:
    admin.succeed("project", "create", "client-robots")
    here = ("-p", "client-robots")
    url = "https://hooks.example.com/in"
    admin.succeed(
        "webhook",
        "add",
        *here,
        "--url",
        url,
        "--event",
        "import.failed",
        "--secret-stdin",
        typed="hook-secret\n",
    )
    (hook,) = admin.succeed("webhook", "list", *here, "--json").rows
    assert (hook["url"], hook["events"], hook["has_secret"]) == (url, ["import.failed"], True)
    made = admin.succeed("robot", "add", *here, "--name", "ci", "--access", "pull", "--json").rows[0]
    assert made["secret"]
    assert made["secret"] not in admin.succeed("robot", "list", *here).out
    admin.succeed("robot", "remove", "ci", *here, "--yes")
    assert admin.run("robot", "edit", "ci", *here).code == 2  # there is nothing to change


def test_projects_change_and_say_what_they_hold_and_who_did_what(admin: Terminal) -> None:
    admin.succeed("project", "create", "client-project", "--visibility", "internal")
    admin.succeed("project", "edit", "client-project", "--description", "说明")
    assert "说明" in admin.succeed("project", "list", "--search", "client-project").out
    assert admin.succeed("project", "usage", "client-project", "--json").rows[0]["images"] == 0
    assert "project.created" in admin.succeed("project", "journal", "client-project").out
    admin.succeed("project", "delete", "client-project", "--yes")
    gone = admin.run("image", "list", "-p", "client-project")
    assert (gone.code, gone.err) == (1, "Error: There is no project client-project.\n")
