"""Webhooks that send mail, by command and by file, against a portal that sends mail."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.sign_in.tokens import create_token
from tests.client.conftest import Terminal
from tests.support.people import make_user

pytestmark = pytest.mark.django_db(transaction=True)
HERE = ("-p", "by-mail")


@pytest.fixture
def mailing(live_server: Any, settings: Any, terminal: Terminal) -> Terminal:
    """A shell whose portal sends mail."""
    settings.MAIL_ENABLED = True
    token = create_token(user=make_user("ada", superuser=True), scope="admin")[1]
    terminal.env |= {"PORTAL_URL": live_server.url, "PORTAL_TOKEN": token}
    terminal.succeed("project", "create", "by-mail")
    return terminal


def hooks(terminal: Terminal) -> list[tuple[str, str, list[str]]]:
    rows = terminal.succeed("webhook", "list", *HERE, "--json").rows
    return sorted((row["kind"], row["url"], row["addresses"]) for row in rows)


def test_one_is_added_changed_and_removed_by_its_addresses(mailing: Terminal) -> None:
    to = ("--address", "ops@example.com", "--address", "ada@example.com")
    mailing.succeed("webhook", "add", *HERE, "--kind", "email", *to, "--event", "import.failed")
    assert "ops@example.com" in mailing.succeed("webhook", "list", *HERE).out
    name = "ada@example.com, ops@example.com"
    mailing.succeed("webhook", "edit", name, *HERE, "--failures-only")
    mailing.succeed("webhook", "remove", name, *HERE, "--yes")
    assert hooks(mailing) == []


def test_a_file_makes_them_once_changes_them_in_place_and_prunes_them(mailing: Terminal) -> None:
    mailing.succeed("webhook", "add", *HERE, "--kind", "email", "--address", "old@example.com")
    mailing.succeed("webhook", "add", *HERE, "--url", "https://old.example.com/hook")
    file = mailing.home / "portal.yaml"
    text = """
apiVersion: portal/v1
projects:
  - name: by-mail
    webhooks:
      - {kind: email, addresses: [ops@example.com, ada@example.com], events: [import.failed]}
      - {url: "https://hooks.example.com/in"}
"""
    file.write_text(text)
    assert len(mailing.succeed("apply", str(file), "--json").rows) == 2
    assert mailing.succeed("apply", str(file)).out == "Nothing to change.\n"
    file.write_text(text.replace("[import.failed]", "[batch.completed]"))
    said = mailing.succeed("apply", str(file), "--prune", "--json").rows
    assert [(row["action"], row["name"]) for row in said] == [
        ("update", "ada@example.com, ops@example.com"),
        ("delete", "https://old.example.com/hook"),
        ("delete", "old@example.com"),
    ]
    assert hooks(mailing) == [
        ("email", "", ["ops@example.com", "ada@example.com"]),
        ("webhook", "https://hooks.example.com/in", []),
    ]
    assert mailing.succeed("apply", str(file), "--prune").out == "Nothing to change.\n"


def test_a_webhook_in_a_file_has_a_url_or_addresses(mailing: Terminal) -> None:
    file = mailing.home / "portal.yaml"
    file.write_text("apiVersion: portal/v1\nprojects: [{name: by-mail, webhooks: [{kind: email}]}]\n")
    said = mailing.run("apply", str(file))
    assert said.code == 1
    assert "Name one of url, addresses." in said.err


def test_ones_own_digest_is_switched_on_and_off(mailing: Terminal) -> None:
    def said(*words: str) -> tuple[bool, str, bool]:
        row = mailing.succeed("project", "digest", "by-mail", *words, "--json").rows[0]
        return row["subscribed"], row["email"], row["next_at"] is not None

    assert said() == (False, "ada@example.test", False)
    assert said("--on") == said() == (True, "ada@example.test", True)
    assert said("--off") == said() == (False, "ada@example.test", False)


def test_the_language_of_messages_is_edited(mailing: Terminal) -> None:
    row = mailing.succeed("project", "edit", "by-mail", "--language", "zh-hans", "--json").rows[0]
    assert row["language"] == "zh-hans"
    assert mailing.run("project", "edit", "by-mail", "--language", "fr").code == 2
