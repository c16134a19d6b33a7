"""What a source's list of tags says besides: gone, and newer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db.models import F
from django.test import Client

from imageimport.models import ScheduleRun, WebhookDelivery
from imageimport.schedules.upstream import Upstream
from imageimport.webhooks import services as webhooks
from projects.models import Image, Project
from projects.tags.tag_rules import TagRules
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.runs import Work, add, keep, run
from tests.support.factories import CredentialFactory
from tests.support.people import Team

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("rules", "exclude", "listed", "newer"),
    [
        (["1.27.*"], [], ["1.27.1", "1.28.0", "1.28.1"], "1.28.1"),
        (["1.*"], [], ["1.27", "1.28"], ""),
        (["1.27.*"], ["1.28*"], ["1.27.1", "1.28.0"], ""),
        (["1.27.*"], [], ["1.27.1", "1.28.0-rc1", "20260101", "latest"], ""),
        (["stable*"], [], ["stable", "2.0"], ""),
        (["1.27.*"], [], ["2.0"], ""),
        (["1.27.1"], [], ["1.27.1", "1.27.2"], "1.27.2"),
        (["1.27.1"], [], ["1.28.0"], "1.28.0"),
        (["1.27"], [], ["1.27", "1.27.5"], ""),
        (["1.27", "1.26.*"], [], ["1.26.1", "1.27.5", "1.28.2"], "1.28.2"),
        (["1", "latest"], [], ["1.29.2", "latest"], ""),
        (["1.27-alpine"], [], ["1.27-alpine", "1.27"], ""),
    ],
)
def test_a_newer_version_is_higher_than_all_that_are_followed(
    rules: list[str], exclude: list[str], listed: list[str], newer: str
) -> None:
    seen = Upstream(TagRules(rules, exclude), [])
    for tag in listed:
        seen.see(tag)
    assert seen.newer == newer


def test_what_vanished_at_the_source_is_told_once_and_stays_here(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    hook = webhooks.create(
        project=project,
        user=project.created_by,
        wanted=webhooks.NewWebhook(url="https://hooks.test/x", events=["upstream.changed"]),
    )
    for seed, tag in enumerate(["1.0", "1.1", "2.0"], start=1):
        add(source, tag, seed)
    schedule = keep(project, source, "1.*")
    run(schedule, work)
    Image.objects.create(project=project, repository="app/web", tag="1.9", digest="sha256:" + "a" * 64)
    told = WebhookDelivery.objects.filter(webhook=hook)
    assert [(each.payload["upstream"]["gone"], each.payload["upstream"]["newer"]) for each in told] == [
        ([], "2.0")
    ]
    del source.repository("app/web").manifests["1.1"]
    run(schedule, work)
    run(schedule, work)
    schedule.refresh_from_db()
    assert (schedule.gone, schedule.newer) == (["1.1"], "2.0"), "1.9 came from elsewhere"
    newest, _before = told.order_by("-created_at")
    assert (newest.payload["upstream"], newest.payload["schedule"]["id"]) == (
        {"gone": ["1.1"], "newer": None},
        str(schedule.pk),
    )
    assert Image.objects.filter(tag="1.1").exists()
    add(source, "1.1", 2)
    run(schedule, work)
    schedule.refresh_from_db()
    assert (schedule.gone, told.all().count()) == ([], 2)


def told(project: Project) -> Callable[[], list[tuple[list[str], str | None]]]:
    """A webhook for these notices; what each had, the oldest first."""
    wanted = webhooks.NewWebhook(url="https://hooks.test/x", events=["upstream.changed"])
    webhooks.create(project=project, user=project.created_by, wanted=wanted)

    def found() -> list[tuple[list[str], str | None]]:
        rows = WebhookDelivery.objects.order_by("created_at").values_list("payload", flat=True)
        return [(row["upstream"]["gone"], row["upstream"]["newer"]) for row in rows]

    return found


@pytest.mark.parametrize("tags", [["1.0", "1.1"], ["1.*"]], ids=["names", "a pattern"])
@pytest.mark.parametrize("status", [404, 401])
def test_a_repository_that_vanished_is_told_once_and_all_of_it_stays_here(
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    tags: list[str],
    status: int,
) -> None:
    """Docker Hub says 401 to strangers of what is not there."""
    news = told(project)
    for seed, tag in enumerate(["1.0", "1.1"], start=1):
        add(source, tag, seed)
    schedule = keep(project, source, *tags)
    run(schedule, work)
    source.rule("", "/v2/app/web/", Reply(status))
    assert run(schedule, work).failed > 0
    run(schedule, work)
    assert (schedule.gone, news()) == (["1.0", "1.1"], [(["1.0", "1.1"], None)])
    assert set(Image.objects.values_list("tag", flat=True)) == {"1.0", "1.1"}
    source.rules.clear()
    run(schedule, work)
    assert (schedule.gone, len(news())) == ([], 1)


def test_a_refusal_where_there_is_a_credential_says_nothing_of_what_is_there(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    news = told(project)
    add(source, "1.0", 1)
    saved = CredentialFactory(project=project, registry=source.server_name)
    schedule = keep(project, source, "1.0", credential=saved)
    run(schedule, work)
    source.rule("", "/v2/app/web/", Reply(401))
    assert run(schedule, work).failed == 1
    assert (schedule.gone, news()) == ([], [])


def test_a_tag_that_is_followed_by_its_name_is_told_when_it_is_gone_and_when_there_is_a_newer_one(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    """The list of tags, which no rule needs, is asked for in the first run of a day."""
    news = told(project)
    for seed, tag in enumerate(["1.0.1", "1.0.2", "stable"], start=1):
        add(source, tag, seed)
    schedule = keep(project, source, "1.0.1", "stable")
    run(schedule, work)
    assert news() == [], "nothing is here yet that could be older"
    _a_day_passes()
    run(schedule, work)
    run(schedule, work)
    assert (schedule.newer, news()) == ("1.0.2", [([], "1.0.2")])
    assert len(source.seen("GET", "/tags/list")) == 1
    del source.repository("app/web").manifests["stable"]
    assert run(schedule, work).failed == 1
    assert (schedule.gone, news()[1:]) == (["stable"], [(["stable"], None)])


def test_a_registry_that_lists_nothing_to_strangers_fails_no_run(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0.1", 1)
    schedule = keep(project, source, "1.0.1")
    run(schedule, work)
    _a_day_passes()
    source.rule("GET", "/tags/list", Reply(403))
    made = run(schedule, work)
    assert (made.failed, made.error_code, schedule.gone) == (0, "", [])
    assert source.seen("GET", "/tags/list")


def _a_day_passes() -> None:
    ScheduleRun.objects.update(started_at=F("started_at") - dt.timedelta(days=1))


def test_the_page_shows_both(project: Project, source: ScriptedRegistry) -> None:
    team = Team.make()
    schedule = keep(project, source, "1.*")
    schedule.gone, schedule.newer = ["1.1"], "2.0"
    schedule.save()
    client = Client()
    client.force_login(team.users["superuser"])
    page = client.get(f"/projects/{project.name}/schedules/{schedule.pk}/").content.decode()
    assert "Gone at the source, kept here: 1.1." in page
    assert "the sync doesn't follow: 2.0." in page
