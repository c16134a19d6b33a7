"""The audit log."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.caller import acting_as, calling_from
from accounts.labels import is_label
from projects import audit
from projects.models import AuditEvent
from tests.support.people import Team

pytestmark = pytest.mark.django_db


def test_an_event_says_who_where_what_and_from_where() -> None:
    team = Team.make()
    with calling_from("203.0.113.9"), acting_as(team.users["owner"]):
        audit.record_event(action="thing.done", project=team.project, subject="thing", detail={"a": 1})
    event = AuditEvent.objects.get()
    assert (event.actor_name, event.project_name, event.subject) == ("team-owner", "team", "thing")
    assert (event.address, event.detail) == ("203.0.113.9", {"a": 1})


def test_names_stay_when_people_and_projects_go() -> None:
    team = Team.make()
    with acting_as(team.users["owner"]):
        audit.record_event(action="thing.done", project=team.project)
    team.users["owner"].delete()
    team.project.delete()
    event = AuditEvent.objects.get()
    assert (event.actor, event.project) == (None, None)
    assert (event.actor_name, event.project_name) == ("team-owner", "team")


def test_what_strangers_send_can_be_stored() -> None:
    with acting_as(AnonymousUser(), "\0" * 300):
        audit.record_event(action="x", project=None, subject="a\0b\ud800" + "c" * 1000)
    event = AuditEvent.objects.get()
    assert event.subject.startswith("ab?c")
    assert len(event.subject) == 700
    assert (event.actor, event.actor_name) == (None, "")


def test_no_name_makes_one_line_look_like_two_or_turns_the_text_around_it() -> None:
    forged = "admin\n2026-11-26 registry.granted\u202edetnarg\u2066\x1b[31m\u2028x\x85\r"
    with acting_as(None, forged):
        audit.record_event(action="x", project=None, subject=forged)
    event = AuditEvent.objects.get()
    for text in (event.subject, event.actor_name):
        assert is_label(text)
        assert (
            text == "admin\ufffd2026-11-26 registry.granted\ufffddetnarg\ufffd\ufffd[31m\ufffdx\ufffd\ufffd"
        )


def test_a_row_is_named_by_its_own_words_and_its_project() -> None:
    team = Team.make()
    member = team.member("viewer")
    with calling_from("203.0.113.9"), acting_as(team.users["owner"]):
        audit.record("member.changed", member, before="developer")
    event = AuditEvent.objects.get()
    assert (event.project, event.subject) == (team.project, "team-viewer")
    assert event.detail == {"role": "viewer", "before": "developer"}
    assert (event.actor_name, event.address) == ("team-owner", "203.0.113.9")


def test_what_no_request_has_caused_has_no_address_and_no_actor() -> None:
    team = Team.make()
    audit.record("project.changed", team.project)
    event = AuditEvent.objects.get()
    assert (event.actor, event.actor_name, event.address) == (None, "", None)


@pytest.mark.parametrize("write", [audit.record, audit.record_event])
def test_no_one_says_who_acts_where_an_event_is_written(write: Callable[..., Any]) -> None:
    """It would be a second answer, beside that of the context."""
    named = set(inspect.signature(write).parameters)
    assert not named & {"actor", "actor_name", "user", "by", "request", "address"}
