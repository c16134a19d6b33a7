"""Pages of clean-up, protected tags, the trash, usage and maintenance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.models import Schedule
from projects.models import Collection, Image, ProtectedTag, RetentionRule, TrashedTag
from projects.retention import trash
from tests.support.people import DIGEST, Team

As = Callable[..., Client]
CLEAN_UP = "/projects/team/settings/clean-up/"
RULE = {"repositories": "app, team/*", "keep_newest": "3", "order": "version", "enabled": "on"}


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_rule_is_added_changed_and_taken_away(as_: As, team: Team) -> None:
    client = as_("maintainer")
    assert client.post(f"{CLEAN_UP}rules/new/", RULE)["Location"] == CLEAN_UP
    rule = RetentionRule.objects.get()
    assert (rule.repositories, rule.keep_newest, rule.order) == (["app", "team/*"], 3, "version")
    assert "the 3 highest versions in each repository" in text(client.get(CLEAN_UP))
    changed = {**RULE, "keep_newest": "", "keep_pulled_days": "30"}
    assert client.post(f"{CLEAN_UP}rules/{rule.pk}/", changed)["Location"] == CLEAN_UP
    rule.refresh_from_db()
    assert (rule.keep_newest, rule.keep_pulled_days) == (None, 30)
    client.post(f"{CLEAN_UP}rules/{rule.pk}/delete/")
    assert not RetentionRule.objects.exists()


def test_a_rule_that_keeps_nothing_is_told_under_its_field(as_: As, team: Team) -> None:
    answer = as_("maintainer").post(f"{CLEAN_UP}rules/new/", {**RULE, "keep_newest": ""})
    assert answer.status_code == 422
    assert "Enter at least one thing to keep" in text(answer)


def test_a_rule_that_fights_a_schedule_is_saved_and_says_so(as_: As, team: Team) -> None:
    Schedule.objects.create(
        project=team.project, image_url="quay.io/a/app", target_name="app", tags=["1.*"], cron="0 3 * * *"
    )
    client = as_("maintainer")
    answer = client.post(f"{CLEAN_UP}rules/new/", RULE, follow=True)
    assert "quay.io/a/app" in text(answer)


def test_the_dry_run_lists_each_tag_and_the_run_moves_them_to_the_trash(
    as_: As, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tag in ("old", "new"):
        team.image("app", tag, digest=f"sha256:{'a' if tag == 'old' else 'b'}" + "0" * 63)
    Image.objects.filter(tag="old").update(updated_at=timezone.now() - dt.timedelta(days=90))
    RetentionRule.objects.create(project=team.project, keep_pushed_days=30)
    monkeypatch.setattr(trash, "_named_now", lambda *_: "sha256:a" + "0" * 63)
    monkeypatch.setattr(trash, "delete_tag", lambda **_: True)
    client = as_("maintainer")
    shown = text(client.get(f"{CLEAN_UP}dry-run/"))
    assert "app:old" in shown and "Updated in the last 30 days." in shown
    assert client.post(f"{CLEAN_UP}run/")["Location"] == CLEAN_UP
    assert [str(row) for row in TrashedTag.objects.all()] == ["app:old"]
    assert [row.tag for row in Image.objects.all()] == ["new"]


def test_the_clock_and_the_days_in_the_trash_are_changed(as_: As, team: Team) -> None:
    client = as_("maintainer")
    assert client.post(f"{CLEAN_UP}clock/", {"retention_cron": "nope", "trash_days": "3"}).status_code == 422
    client.post(f"{CLEAN_UP}clock/", {"retention_cron": "0 3 * * *", "trash_days": "3"})
    team.project.refresh_from_db()
    assert (team.project.retention_cron, team.project.trash_days) == ("0 3 * * *", 3)


def test_tags_are_protected_and_no_longer_and_an_image_says_so(as_: As, team: Team) -> None:
    client, image = as_("maintainer"), team.image("app", "v1")
    assert client.post(f"{CLEAN_UP}protected/new/", {"pattern": "app"}).status_code == 422
    client.post(f"{CLEAN_UP}protected/new/", {"pattern": "app:v*"})
    made = ProtectedTag.objects.get()
    assert "app:v*" in text(client.get(f"/projects/team/images/{image.pk}/"))
    client.post(f"{CLEAN_UP}protected/{made.pk}/delete/")
    assert not ProtectedTag.objects.exists()


def test_the_trash_is_restored_from_given_up_and_emptied(
    as_: As, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    def thrown(tag: str) -> TrashedTag:
        return TrashedTag.objects.create(
            project=team.project, repository="app", tag=tag, digest=DIGEST, set_at=timezone.now(),
            expires_at=timezone.now() + dt.timedelta(days=1),
        )  # fmt: skip

    one, two, _three = thrown("1"), thrown("2"), thrown("3")
    client = as_("maintainer")
    assert "app:1" in text(as_("viewer").get("/projects/team/trash/"))
    team.image("app", "1", digest="sha256:" + "b" * 64)
    answer = client.post(f"/projects/team/trash/{one.pk}/restore/", follow=True)
    assert "exists again" in text(answer)
    client.post(f"/projects/team/trash/{two.pk}/delete/")
    assert TrashedTag.objects.exclude(gone_at=None).count() == 1
    client.post("/projects/team/trash/empty/")
    assert TrashedTag.objects.filter(gone_at=None).count() == 0
    assert "The trash is empty." in text(client.get("/projects/team/trash/"))


def test_usage_shows_a_chart_and_its_table(as_: As, team: Team) -> None:
    team.image("app", "1", size=3_000_000)
    shown = as_("viewer").get("/projects/team/usage/").content.decode()
    assert "<rect" in shown and f"{timezone.now():%Y-%m-%d}" in shown
    assert "app:1" in shown


def test_superusers_collect_from_a_page(as_: As, team: Team, settings: Any) -> None:
    settings.REGISTRY_STORAGE, settings.REGISTRY_AUTH = "/registry/data", "token"
    assert as_("owner").get("/maintenance/").status_code == 403
    client = as_("superuser")
    client.post("/maintenance/collect/")
    assert Collection.objects.get().state == "waiting"
    answer = client.post("/maintenance/collect/", follow=True)
    assert "already being collected" in text(answer)
