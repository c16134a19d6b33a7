"""Configuration as code against a real portal: what a file wants is there afterwards, and once more changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oci.reference.parser import parse_reference
from portal_client.api import Api, Row
from portal_client.applying.comparing import compare, target_of
from portal_client.applying.desired import Desired, Project
from portal_client.applying.document import read_document
from portal_client.errors import PortalError
from stack.sample import sample_image
from testbed.portal import PortalProcess
from testbed.services import RegistryServer
from tests.client.conftest import Terminal

WHOLE = """
apiVersion: portal/v1
projects:
  - name: {name}
    description: Made by a file
    visibility: internal
    members:
      - {{username: {person}, role: developer}}
    credentials:
      - {{name: hub, registry: docker.io, username: bot, password: {{env: HUB_PASSWORD}}}}
    schedules:
      - image_url: nginx
        tags: ["1.2*", "latest"]
        cron: "0 3 * * *"
        credential: hub
      - image_url: nginx
        target_name: nginx-stable
        tags: ["stable"]
        cron: "30 3 * * *"
        timezone: Asia/Shanghai
    webhooks:
      - url: https://hooks.example.com/in
        secret: {{file: hook}}
        events: [import.failed]
"""


def _written(terminal: Terminal, text: str, name: str = "portal.yaml") -> str:
    path = terminal.home / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def _schedules(project: str, rows: str) -> str:
    return f"apiVersion: portal/v1\nprojects: [{{name: {project}, schedules: [{rows}]}}]\n"


def test_a_file_is_applied_whole_and_a_second_time_changes_nothing(
    admin: Terminal, make_person: Callable[[str], str]
) -> None:
    make_person("client-bea")
    (admin.home / "hook").write_text("hook-secret\n", encoding="utf-8")
    file = _written(admin, WHOLE.format(name="client-apply", person="client-bea"))
    said = admin.succeed("apply", file, HUB_PASSWORD="hub-secret")
    assert said.out.endswith("6 added, 0 changed, 0 removed, 0 being imported.\n")
    assert "secret" not in said.out.replace("secret: ***", "")
    here = ("-p", "client-apply", "--json")
    assert admin.succeed("credential", "list", *here).rows[0]["has_password"] is True
    hub = admin.succeed("credential", "list", *here).rows[0]["id"]
    schedules = {row["target_name"]: row for row in admin.succeed("schedule", "list", *here).rows}
    assert (schedules[""]["credential"], schedules["nginx-stable"]["timezone"]) == (hub, "Asia/Shanghai")
    assert admin.succeed("webhook", "list", *here).rows[0]["has_secret"] is True
    assert admin.succeed("apply", file).out == "Nothing to change.\n"  # not even a secret is looked up


SETTINGS = """
apiVersion: portal/v1
projects:
  - name: client-settings
    language: zh-hans
    naming: full
    platforms: [linux/amd64]
    bandwidth: {bandwidth}
    window: 22:00-06:00 Asia/Shanghai
    requests_from: viewer
    request_days: 3
    four_eyes: true
    first_pull: developer
    first_pull_fresh_seconds: 60
    retention_cron: "0 4 * * *"
    trash_days: 14
    rules: [{{name: seen, action: allow, requires: {{min_seen_days: 3}}}}]
    retention: [{{repositories: [app], keep_newest: 10, order: version}}]
"""


def test_every_setting_of_a_project_is_applied_and_a_limit_is_taken_away_by_null(admin: Terminal) -> None:
    file = _written(admin, SETTINGS.format(bandwidth=20_000_000))
    admin.succeed("apply", file)
    assert admin.succeed("apply", file).out == "Nothing to change.\n"
    none = _written(admin, SETTINGS.format(bandwidth="null"))
    assert [row["changes"] for row in admin.succeed("apply", none, "--json").rows] == [
        {"bandwidth": {"from": 20_000_000, "to": None}}
    ]
    assert admin.succeed("apply", none).out == "Nothing to change.\n"
    edited = admin.succeed(
        "project", "edit", "client-settings", "--first-pull", "off", "--no-four-eyes", "--json"
    )
    assert (edited.rows[0]["first_pull"], edited.rows[0]["four_eyes"]) == ("off", False)


def test_a_dry_run_says_what_would_change_and_changes_nothing(admin: Terminal) -> None:
    file = _written(admin, _schedules("client-dry", "{image_url: nginx, cron: 0 3 * * *}"))
    said = admin.succeed("apply", file, "--dry-run", "--json")
    assert [(row["action"], row["kind"], row["name"]) for row in said.rows] == [
        ("create", "project", "client-dry"),
        ("create", "schedule", "nginx"),
    ]
    assert admin.run("apply", file, "--dry-run", "--exit-code").code == 1
    assert admin.succeed("project", "list", "--search", "client-dry", "--json").rows == []
    admin.succeed("apply", file)
    assert admin.run("apply", file, "--dry-run", "--exit-code").code == 0


def test_only_what_differs_is_changed_and_only_where_the_file_speaks(admin: Terminal) -> None:
    admin.succeed("project", "create", "client-differ", "--description", "by hand")
    here = ("-p", "client-differ")
    admin.succeed(
        "schedule", "add", *here, "--image", "nginx", "--tag", "b", "--tag", "a", "--cron", "0 3 * * *"
    )
    admin.succeed("schedule", "add", *here, "--image", "redis", "--cron", "0 4 * * *")
    text = """
apiVersion: portal/v1
projects:
  - name: client-differ
    schedules: [{image_url: nginx, tags: [a, b], cron: 0 5 * * *, enabled: false}]
"""
    said = admin.succeed("apply", _written(admin, text), "--json")
    assert [(row["action"], row["changes"]) for row in said.rows] == [
        ("update", {"cron": {"from": "0 3 * * *", "to": "0 5 * * *"}, "enabled": {"from": True, "to": False}})
    ]
    assert (
        admin.succeed("project", "list", "--search", "client-differ", "--json").rows[0]["description"]
        == "by hand"
    )
    assert len(admin.succeed("schedule", "list", *here, "--json").rows) == 2


def test_what_the_file_does_not_name_goes_only_when_told_and_owners_stay(
    admin: Terminal, make_person: Callable[[str], str]
) -> None:
    make_person("client-cy")
    admin.succeed("project", "create", "client-prune")
    here = ("-p", "client-prune")
    admin.succeed("member", "add", *here, "--username", "client-cy", "--role", "viewer")
    admin.succeed(
        "credential", "add", *here, "--name", "old", "--registry", "ghcr.io", "--username", "u", typed="p\n"
    )
    admin.succeed(
        "schedule", "add", *here, "--image", "ghcr.io/a/b:1", "--cron", "0 3 * * *", "--credential", "old"
    )
    admin.succeed("webhook", "add", *here, "--url", "https://hooks.example.com/keep")
    text = "apiVersion: portal/v1\nprojects: [{name: client-prune, members: [], credentials: [], schedules: []}]\n"
    file = _written(admin, text)
    assert admin.succeed("apply", file).out == "Nothing to change.\n"
    said = admin.succeed("apply", file, "--prune", "--json")
    assert [(row["action"], row["kind"]) for row in said.rows] == [
        ("delete", "schedule"), ("delete", "credential"), ("delete", "member"),
    ]  # fmt: skip
    assert [row["username"] for row in admin.succeed("member", "list", *here, "--json").rows] == ["admin"]
    assert len(admin.succeed("webhook", "list", *here, "--json").rows) == 1  # its section is not named


JUDGED = """
apiVersion: portal/v1
projects:
  - name: client-rules
    default_action: approve
    retention_cron: "0 4 * * *"
    trust:
      - {{name: ours, kind: key, public_key: {key}}}
    rules:
      - {{name: signed, sources: [ghcr.io/ours/*], action: allow, requires: {{signed_by: [ours], min_age_days: 1}}}}
      - {{name: rest, action: {rest}, message: Ask first}}
    protected_tags: [{{pattern: "app:v*"}}]
    retention: [{{repositories: [app], keep_newest: 10}}]
"""


def _key() -> str:
    """A public key as a file has it."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return json.dumps(key.public_bytes(serialization.Encoding.PEM, form).decode())


def test_what_may_come_in_and_what_stays_is_applied_and_a_second_time_changes_nothing(
    admin: Terminal,
) -> None:
    key = _key()
    file = _written(admin, JUDGED.format(key=key, rest="approve"))
    said = admin.succeed("apply", file, "--json")
    assert [(row["action"], row["kind"], row["name"]) for row in said.rows] == [
        ("create", "project", "client-rules"),
        ("create", "trust", "ours"),
        ("create", "rule", "signed"),
        ("create", "rule", "rest"),
        ("create", "protected tag", "app:v*"),
        ("create", "retention", "app"),
    ]
    assert "the portal writes" not in said.err
    assert admin.succeed("apply", file).out == "Nothing to change.\n"
    stricter = admin.succeed("apply", _written(admin, JUDGED.format(key=key, rest="refuse")), "--json")
    assert [(row["name"], row["changes"]) for row in stricter.rows] == [
        ("rest", {"action": {"from": "approve", "to": "refuse"}})
    ]
    other_key = admin.run("apply", _written(admin, JUDGED.format(key=_key(), rest="refuse")))
    assert other_key.code == 1
    assert "client-rules: trust ours can't be changed." in other_key.err
    text = "apiVersion: portal/v1\nprojects: [{name: client-rules, rules: [], trust: []}]\n"
    gone = admin.succeed("apply", _written(admin, text), "--prune", "--json")
    assert [row["action"] + " " + row["kind"] for row in gone.rows] == [
        "delete rule", "delete rule", "delete trust",
    ]  # fmt: skip


def test_rules_come_in_the_order_of_the_file() -> None:
    api = OneProject(
        {"id": "2", "name": "b", "position": 1, "action": "allow"},
        {"id": "3", "name": "a", "position": 2, "action": "allow"},
    )
    found = {"projects": [{"name": "team", "rules": [{"name": each, "action": "allow"} for each in "ab"]}]}
    desired = read_document({"apiVersion": "portal/v1", **found}, Path())
    changes = compare(api, desired, prune=False, secrets=False).changes
    assert [(each.of.name, each.body) for each in changes] == [("a", {"position": 1}), ("b", {"position": 2})]


def test_a_requirement_that_there_is_not_is_told_and_never_left_out() -> None:
    rule = {"name": "a", "action": "allow", "requires": {"signd_by": ["ours"], "max_bytes": "1"}}
    with pytest.raises(PortalError) as refused:
        read_document({"projects": [{"name": "team", "rules": [rule, {"name": "b"}]}]}, Path())
    said = str(refused.value)
    assert "projects[0].rules[0].requires: There is no field signd_by" in said
    assert "projects[0].rules[0].requires.max_bytes: This must be a number." in said
    assert "projects[0].rules[1]: action is missing." in said


class OneProject(Api):
    """A portal in which every list has these rows."""

    def __init__(self, *rows: Row) -> None:
        self._rows = rows

    def rows(self, path: str, *, limit: int = 0, **params: Any) -> Iterator[Row]:
        return iter([{"id": "1", "name": "team"}] if path == "/projects" else self._rows)


def test_webhooks_that_send_mail_are_told_apart_by_their_addresses() -> None:
    api = OneProject(
        {"id": "2", "url": "", "kind": "email", "addresses": ["b@example.com", "a@example.com"]},
        {"id": "3", "url": "", "kind": "email", "addresses": ["c@example.com"]},
        {"id": "4", "url": "https://a", "kind": "webhook", "addresses": []},
    )
    mail = {"kind": "email", "addresses": ["a@example.com", "b@example.com"]}
    wanted = Desired([Project("team", sections={"webhooks": [mail]})])
    found = compare(api, wanted, prune=True, secrets=False)
    assert [(each.action, each.of.row_id, each.of.name) for each in found.changes] == [
        ("delete", "4", "https://a"), ("delete", "3", "c@example.com"),
    ]  # fmt: skip
    assert compare(api, wanted, prune=False, secrets=False).changes == []


@pytest.mark.parametrize(
    "text",
    [
        "nginx", "library/nginx:1", "docker.io/a/b:2", f"index.docker.io/nginx@sha256:{'a' * 64}",
        "ghcr.io/library/x:1", "GHCR.io/a/b", "localhost:5000/app/web:1", "helm+https://charts.example.com/stable/redis:1.2.3+b1",
        "helm+https://Charts.example.com/One/Two/redis", "helm+https://charts.example.com:8443/redis:1",
    ],
)  # fmt: skip
def test_the_client_knows_the_names_that_the_portal_gives(text: str) -> None:
    known = parse_reference(text)
    body = {"image_url": text}
    assert target_of(body, full=False) == (known.default_target_name, known.default_target_tag)
    assert target_of(body, full=True) == (known.full_target_name, known.default_target_tag)


class FullNames(OneProject):
    """A portal whose project has full names, and these images."""

    def rows(self, path: str, *, limit: int = 0, **params: Any) -> Iterator[Row]:
        if path == "/projects":
            return iter([{"id": "1", "name": "team", "naming": "full"}])
        return super().rows(path) if path.endswith("/images") else iter(())


def test_images_of_a_project_with_full_names_are_looked_for_and_made_under_these() -> None:
    api = FullNames({"repository": "docker.io/library/nginx", "tag": "1"})
    there, wanted = {"image_url": "nginx:1"}, {"image_url": "redis:7"}
    desired = Desired([Project("team", images=[there, wanted])])
    (change,) = compare(api, desired, prune=False, secrets=False).changes
    assert (change.of.name, change.body) == ("docker.io/library/redis:7", wanted), "the portal names it"
    short = Desired([Project("team", fields={"naming": "short"}, images=[there])])
    changes = compare(api, short, prune=False, secrets=False).changes
    assert [each.of.name for each in changes] == ["team", "nginx:1"], "by what the file makes of the project"


def test_two_images_of_one_name_are_a_mistake_and_the_same_one_twice_is_not() -> None:
    quay, hub = {"image_url": "quay.io/nginx:1"}, {"image_url": "docker.io/nginx:1"}
    twice = Desired([Project("team", images=[quay, quay])])
    assert len(compare(OneProject(), twice, prune=False, secrets=False).changes) == 1
    with pytest.raises(PortalError, match=r"quay.io/nginx:1 and docker.io/nginx:1 would both become nginx:1"):
        compare(OneProject(), Desired([Project("team", images=[quay, hub])]), prune=False, secrets=False)


def test_images_are_imported_once_and_waited_for(
    portal: PortalProcess, admin: Terminal, registry: RegistryServer
) -> None:
    digest = registry.push("client/applied", "1", sample_image())
    text = f"""
apiVersion: portal/v1
projects:
  - name: client-images
    images:
      - {registry.host}/client/applied:1
      - {{image_url: "{registry.host}/client/applied:1", target_name: other, target_tag: "2"}}
"""
    file = _written(admin, text)
    said = admin.succeed("apply", file, "--wait")
    assert "2 being imported" in said.out
    for repository, tag in (("client/applied", "1"), ("other", "2")):
        assert portal.verify(f"client-images/{repository}", tag).digest == digest
    assert admin.succeed("apply", file, "--wait").out == "Nothing to change.\n"


def test_secrets_are_set_again_only_when_told(admin: Terminal) -> None:
    text = """
apiVersion: portal/v1
projects:
  - name: client-secrets
    credentials: [{name: hub, registry: docker.io, username: bot, password: {env: HUB}}]
"""
    file = _written(admin, text)
    missing = admin.run("apply", file)
    assert missing.code == 1
    assert "client-secrets: credential hub: The variable HUB is not set." in missing.err
    admin.succeed("apply", file, HUB="one")
    said = admin.succeed("apply", file, "--update-secrets", "--json", HUB="two")
    assert [row["changes"] for row in said.rows] == [{"password": {"from": "***", "to": "***"}}]


def test_everything_that_is_wrong_with_a_file_is_told_at_once(terminal: Terminal) -> None:
    text = """
apiVersion: portal/v1
projects:
  - name: a
    colour: red
    members: [{username: x, role: boss}, {role: viewer}]
    credentials: [{name: c, registry: r, username: u, password: in-clear}]
    schedules: [{image_url: nginx, cron: "0 3 * * *", tags: [1.20], enabled: "no"}]
  - name: a
"""
    said = terminal.run("apply", _written(terminal, text))
    assert said.code == 1
    lines = said.err.splitlines()
    for part in (
        "projects[0]: There is no field colour",
        "projects[0].members[0].role: This must be one of viewer, developer, maintainer, owner.",
        "projects[0].members[1]: username is missing.",
        "projects[0].credentials[0].password: Do not write a secret here: use {env: NAME} or {file: PATH}.",
        "projects[0].schedules[0].tags: This must be a list of texts.",
        "projects[0].schedules[0].enabled: This must be true or false.",
        "projects[1]: There is a second project a.",
    ):
        assert any(part in line for line in lines), (part, lines)
    assert "in-clear" not in said.err


def test_a_key_that_stands_twice_is_no_choice(terminal: Terminal) -> None:
    said = terminal.run("apply", _written(terminal, "apiVersion: portal/v1\nprojects: []\nprojects: []\n"))
    assert said.code == 1
    assert "projects stands twice" in said.err


def test_a_form_that_the_portal_writes_in_another_way_is_told(admin: Terminal) -> None:
    text = """
apiVersion: portal/v1
projects:
  - name: client-forms
    credentials: [{name: hub, registry: "https://GHCR.io/", username: bot, password: {env: HUB}}]
"""
    said = admin.succeed("apply", _written(admin, text), HUB="x")
    assert "the portal writes registry as ghcr.io" in said.err


def test_a_refusal_names_the_row_and_keeps_the_apis_code(admin: Terminal) -> None:
    text = _schedules("client-refused", "{image_url: nginx, cron: every day}")
    said = admin.run("apply", _written(admin, text), "--json")
    assert said.code == 1
    assert json.loads(said.err)["cron"]
    plain = admin.run("apply", _written(admin, text))
    assert plain.err.startswith("Error: client-refused: schedule nginx: cron: ")
