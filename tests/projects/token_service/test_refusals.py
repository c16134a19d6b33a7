"""Nobody fills a journal that is not his: refusals are counted, and written within bounds."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.sign_in import throttling
from imageimport.metrics.collector import registry
from imageimport.worker.housekeeping import prune
from projects import audit
from projects.models import AuditEvent, RefusalCount
from projects.token_service import refusals, views
from tests.projects.token_service.asking import basic
from tests.support.people import PASSWORD, Team

pytestmark = pytest.mark.django_db

STRANGER = "203.0.113.66"


def ask(*scopes: str, headers: dict[str, str] | None = None, address: str = STRANGER) -> Any:
    return Client(REMOTE_ADDR=address).get("/service/token", {"scope": list(scopes)}, headers=headers or {})


def many(project: str, number: int, first: int = 0) -> list[str]:
    return [f"repository:{project}/app{n}:pull,push" for n in range(first, first + number)]


def metric() -> float:
    return registry().get_sample_value("portal_registry_refusals_total") or 0.0


def test_a_stranger_writes_nothing_into_any_journal_and_is_counted() -> None:
    Team.make()
    Team.make("open", visibility="public")
    for round_ in range(4):
        wanted = [*many("team", 40, round_ * 40), *many("open", 40, round_ * 40), "repository:none/x:pull"]
        assert ask(*wanted).status_code == 200
    assert AuditEvent.objects.count() == 0
    assert [refusals.lately(name) for name in ("team", "open", "")] == [4, 4, 4]
    assert metric() == 12


def test_an_address_that_asks_on_and_on_is_told_to_wait_and_pulls_what_is_public() -> None:
    Team.make("open", visibility="public")
    for _ in range(views.ANONYMOUS_REFUSALS):
        throttling.counted("refused", throttling.network_of(STRANGER), most=views.ANONYMOUS_REFUSALS)
    answer = ask(*many("open", 1))
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= throttling.WINDOW
    assert refusals.lately("open") == 0
    assert ask("repository:open/app:pull").status_code == 200
    assert ask(*many("open", 1), address="198.51.100.7").status_code == 200


def test_a_request_names_a_hundred_projects_and_is_counted_for_a_few() -> None:
    for number in range(12):
        Team.make(f"team{number}")
    ask(*(f"repository:team{number}/app:pull" for number in range(12)))
    assert RefusalCount.objects.count() == refusals.MAX_PROJECTS


def test_who_is_signed_in_has_a_few_refusals_written_and_the_rest_counted() -> None:
    Team.make()
    Team.make("other")
    headers = basic("other-owner", PASSWORD)
    ask(*many("team", 100), headers=headers)
    written = AuditEvent.objects.filter(action="registry.refused", project_name="team")
    assert written.count() == views.MAX_LINES
    for number in range(views.WRITTEN_REFUSALS + 10):
        ask(*many("team", 1, 1000 + number), headers=headers)
    assert written.count() < views.MAX_LINES + views.WRITTEN_REFUSALS
    assert refusals.lately("team") > 1


def test_no_grant_hides_behind_others() -> None:
    Team.make()
    ask(*many("team", 30), headers=basic("team-developer", PASSWORD))
    events = AuditEvent.objects.filter(action="registry.granted", project_name="team")
    assert events.count() == views.MAX_LINES + 1
    (shared,) = events.exclude(detail={})
    assert shared.detail == {"scopes": 30 - views.MAX_LINES}
    assert "repository:team/app9:pull,push" in shared.subject


def test_maintainers_see_how_much_was_refused() -> None:
    team = Team.make()
    client = Client()
    client.force_login(team.users["maintainer"])
    assert b"without a sign-in" not in client.get("/projects/team/settings/journal/").content
    for _ in range(3):
        ask("repository:team/app:pull")
    page = client.get("/projects/team/settings/journal/").content.decode()
    assert "In the last 24 hours, the registry denied 3 requests without a sign-in." in page


def test_old_counts_become_one_and_old_refusals_go(settings: Any) -> None:
    settings.REFUSAL_RETENTION_DAYS = 7
    team, now = Team.make(), timezone.now()
    for days in (0, 31, 32):
        refusals.count(["team"], now - dt.timedelta(days=days))
    for action, days in (
        ("registry.refused", 6), ("registry.refused", 8), ("registry.sign_in_failed", 8), ("registry.granted", 800),
    ):  # fmt: skip
        audit.record_event(action=action, project=team.project, subject=f"{days}")
        AuditEvent.objects.filter(subject=f"{days}", action=action).update(at=now - dt.timedelta(days=days))
    before = metric()
    assert prune(now)["refusals"] == 2 + 2
    assert metric() == before == 3
    assert refusals.lately("team") == 1
    assert set(AuditEvent.objects.values_list("action", "subject")) == {
        ("registry.refused", "6"),
        ("registry.granted", "800"),
    }
    assert prune(now)["refusals"] == 0
