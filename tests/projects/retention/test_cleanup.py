"""Clean-up of a project with a real registry behind: the dry run is the run."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from oci.errors import OciError
from projects import keeping, protection
from projects.keeping import Hold
from projects.models import AuditEvent, Image, ImageBlob, Project, TrashedTag
from projects.registry.catalog import tags_of
from projects.registry.delete import delete_tag
from projects.registry.reconcile import reconcile
from projects.retention import cleanup, rules, trash
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.projects.retention.ageing import DAY, aged, kept
from tests.support.people import DIGEST, Team, call

pytestmark = pytest.mark.django_db


def why(project: Project, tag: str) -> str:
    found = cleanup.plan(project)
    return next(cleanup.sentence(each) for each in (*found.keep, *found.remove) if each.tag.tag == tag)


def test_the_dry_run_says_what_the_run_does_and_the_run_does_it(team: Team, registry: RegistryServer) -> None:
    base, headers = f"/projects/{team.project.pk}/retention", team.bearer("maintainer")
    for number in range(4):
        registry.push(f"{team.project.name}/app", f"1.{number}", random_image([2000], seed=number))
    reconcile()
    made = call("POST", base, {"repositories": ["app"], "keep_newest": 2, "order": "version"}, headers)
    assert made.status_code == 201, made.content
    dry = call("POST", f"{base}/dry-run", headers=headers).json()
    assert {row["image"] for row in dry["remove"]} == {"app:1.0", "app:1.1"}
    assert {row["image"] for row in dry["keep"]} == {"app:1.2", "app:1.3"}
    assert all(row["why"].endswith(".") and row["digest"].startswith("sha256:") for row in dry["keep"])
    assert dry["bytes"] > 2 * 2000
    assert len(tags_of(f"{team.project.name}/app")) == 4
    done = call("POST", f"{base}/run", headers=headers).json()
    assert done == {**dry, "finished": True}
    assert sorted(tags_of(f"{team.project.name}/app")) == ["1.2", "1.3"]
    assert set(TrashedTag.objects.values_list("tag", "by_rule")) == {("1.0", True), ("1.1", True)}
    assert AuditEvent.objects.get(action="retention.run").detail["removed"] == 2
    again = call("POST", f"{base}/run", headers=headers).json()
    assert again["remove"] == []


def test_what_is_protected_held_or_about_to_be_written_stays_and_says_why(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, child = "sha256:" + "b" * 64, "sha256:" + "c" * 64
    aged(team, "stable", 90)
    aged(team, "old", 90)
    aged(team, "bundled", 90, digest=other)
    aged(team, "running", 90, digest="sha256:" + "d" * 64, children=[{"digest": child}])
    aged(team, "coming", 90, digest="sha256:" + "e" * 64)
    rules.create(project=team.project, user=None, values={"keep_pushed_days": 30})
    protection.add(project=team.project, user=None, pattern="app:stable")
    monkeypatch.setattr(keeping, "_keepers", dict(keeping._keepers))
    monkeypatch.setattr(
        cleanup, "tag_keepers", [lambda _project: {("app", "coming"): ("An import is on its way.", {})}]
    )

    def box(project: Project, digests: Collection[str] | None) -> Iterator[Hold]:
        yield Hold(other, "app", "The box holds it.")
        yield Hold(child, "", "The cluster runs it.")

    keeping.register("box", box)
    assert kept(team.project) == {"stable", "bundled", "running", "coming"}
    assert why(team.project, "stable") == "Protected by app:stable."
    assert why(team.project, "bundled") == "The box holds it."
    assert why(team.project, "running") == "The cluster runs it."
    assert why(team.project, "coming") == "An import is on its way."
    assert "never pulled" in why(team.project, "old")


def test_another_tag_of_what_is_in_the_trash_is_not_kept_by_that(team: Team) -> None:
    aged(team, "old", 90)
    TrashedTag.objects.create(
        project=team.project, repository="app", tag="x", digest=DIGEST, set_at=timezone.now(),
        expires_at=timezone.now() + DAY,
    )  # fmt: skip
    rules.create(project=team.project, user=None, values={"keep_pushed_days": 30})
    assert kept(team.project) == set()


def test_a_tag_that_was_pulled_since_it_was_judged_stays(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.push(f"{team.project.name}/app", "1", random_image([100], seed=1))
    reconcile()
    Image.objects.update(updated_at=timezone.now() - 90 * DAY)
    rules.create(project=team.project, user=None, values={"keep_pulled_days": 30})
    judge = cleanup.plan

    def then_pulled(project: Project) -> cleanup.Plan:
        found = judge(project)
        Image.objects.update(last_pulled_at=timezone.now())
        return found

    monkeypatch.setattr(cleanup, "plan", then_pulled)
    assert cleanup.run(project=team.project, user=None).remove == []
    assert tags_of(f"{team.project.name}/app") == ["1"]


def test_a_run_says_what_it_freed_and_not_what_it_had_planned(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tag, size in (("small", 3_000), ("large", 50_000)):
        registry.push(f"{team.project.name}/app", tag, random_image([size], seed=size))
    reconcile()
    Image.objects.update(updated_at=timezone.now() - 90 * DAY)
    rules.create(project=team.project, user=None, values={"keep_pulled_days": 30})
    judge = cleanup.plan

    def then_pulled(project: Project) -> cleanup.Plan:
        found = judge(project)
        Image.objects.filter(tag="large").update(last_pulled_at=timezone.now())
        return found

    monkeypatch.setattr(cleanup, "plan", then_pulled)
    done = cleanup.run(project=team.project, user=None)
    assert [verdict.tag.tag for verdict in done.remove] == ["small"]
    assert 3_000 <= done.bytes < 10_000


def test_bytes_are_those_of_blobs_that_nobody_else_has(team: Team) -> None:
    old, new = aged(team, "old", 90, digest="sha256:" + "d" * 64), aged(team, "new", 1)
    foreign = Team.make(f"f{uuid.uuid4().hex[:8]}").image()
    for image, names in ((old, "xyz"), (new, "y"), (foreign, "z")):
        for name in names:
            ImageBlob.objects.create(
                image=image,
                project=image.project,
                digest=f"sha256:{name * 64}",
                size={"x": 5, "y": 70, "z": 900}[name],
            )
    rules.create(project=team.project, user=None, values={"keep_pushed_days": 30})
    assert cleanup.plan(team.project).bytes == 5


def test_the_clock_cleans_up_when_it_is_due_and_says_when_it_is_next(
    team: Team, registry: RegistryServer
) -> None:
    registry.push(f"{team.project.name}/app", "1", random_image([100], seed=1))
    reconcile()
    Image.objects.update(updated_at=timezone.now() - 90 * DAY)
    rules.create(project=team.project, user=None, values={"keep_pushed_days": 30})
    base, headers = f"/projects/{team.project.pk}", team.bearer("maintainer")
    assert call("PATCH", base, {"retention_cron": "never"}, headers).status_code == 400
    assert (
        call("PATCH", base, {"retention_cron": "0  3 * * *"}, headers).json()["retention_cron"] == "0 3 * * *"
    )
    project = Project.objects.get(pk=team.project.pk)
    assert project.retention_next_at is not None and project.retention_next_at > timezone.now()
    assert cleanup.run_due() == 0
    due = project.retention_next_at + dt.timedelta(seconds=1)
    assert cleanup.run_due(due) == 1
    assert tags_of(f"{team.project.name}/app") == []
    project.refresh_from_db()
    assert project.retention_next_at > due


def old_tags(team: Team, registry: RegistryServer, tags: str) -> None:
    """Tags of the repository ``app``, each of one letter, that a rule no longer keeps."""
    for tag in tags:
        registry.push(f"{team.project.name}/app", tag, random_image([100], seed=int(tag)))
    reconcile()
    Image.objects.update(updated_at=timezone.now() - 90 * DAY)
    rules.create(project=team.project, user=None, values={"keep_pushed_days": 30})


def test_what_a_round_does_not_finish_goes_on_in_the_next(team: Team, registry: RegistryServer) -> None:
    old_tags(team, registry, "123")
    cut = cleanup.run(project=team.project, user=None, seconds=-1)
    assert (cut.finished, cut.remove, cut.bytes) == (False, [], 0)
    assert len(tags_of(f"{team.project.name}/app")) == 3
    assert cleanup.run_due(timezone.now()) == 1
    assert tags_of(f"{team.project.name}/app") == []


def refusing(monkeypatch: pytest.MonkeyPatch, *bad: str) -> list[str]:
    """The registry does not let these tags go; what is asked of it, in order."""
    asked: list[str] = []

    def delete(*, repository: str, tag: str) -> bool:
        asked.append(tag)
        if tag in bad:
            raise OciError(
                "target_error",
                "%(host)s did not delete the tag %(tag)s.",
                retryable=True,
                host="here",
                tag=tag,
            )
        return delete_tag(repository=repository, tag=tag)

    monkeypatch.setattr(trash, "delete_tag", delete)
    return asked


def test_one_tag_that_the_registry_does_not_let_go_stops_no_other(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_tags(team, registry, "1234")
    refusing(monkeypatch, "1", "3")
    base, headers = f"/projects/{team.project.pk}/retention", team.bearer("maintainer")
    done = call("POST", f"{base}/run", headers=headers).json()
    assert [row["image"] for row in done["remove"]] == ["app:2", "app:4"]
    assert {row["image"]: row["why"] for row in done["keep"]} == {
        f"app:{tag}": f"here did not delete the tag {tag}." for tag in "13"
    }
    assert done["finished"] is True
    assert sorted(tags_of(f"{team.project.name}/app")) == ["1", "3"]
    event = AuditEvent.objects.get(action="retention.run")
    assert (event.detail["removed"], sorted(event.detail["refused"])) == (2, ["app:1", "app:3"])
    # Nothing else is left to do: then who asks is told.
    again = call("POST", f"{base}/run", headers=headers)
    assert again.status_code >= 500 and "did not delete the tag" in again.json()["detail"]


def test_what_the_registry_does_not_let_go_is_named_on_the_page(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_tags(team, registry, "12")
    refusing(monkeypatch, "1")
    client = Client()
    client.force_login(team.users["maintainer"], "django.contrib.auth.backends.ModelBackend")
    shown = client.post(reverse("clean-up-run", args=[team.project.name]), follow=True).content.decode()
    assert "1 tag was moved to the trash." in shown
    assert "1 tag could not be removed. app:1: here did not delete the tag 1." in shown


def test_a_registry_that_lets_nothing_go_is_not_asked_about_every_tag(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_tags(team, registry, "1234")
    monkeypatch.setattr(cleanup, "MAX_IN_A_ROW", 1)
    asked = refusing(monkeypatch, *"1234")
    with pytest.raises(OciError):
        cleanup.run(project=team.project, user=None)
    assert len(asked) == 2


def test_a_registry_that_is_away_is_told_and_asked_again(team: Team, settings: Any) -> None:
    settings.REGISTRY_URL = "http://127.0.0.1:1"
    aged(team, "old", 90)
    rules.create(project=team.project, user=None, values={"keep_pushed_days": 30})
    path = f"/projects/{team.project.pk}/retention/run"
    assert call("POST", path, headers=team.bearer("maintainer")).status_code == 503
    now = timezone.now()
    Project.objects.filter(pk=team.project.pk).update(retention_next_at=now)
    assert cleanup.run_due(now) == 1
    assert Project.objects.get(pk=team.project.pk).retention_next_at == now + dt.timedelta(minutes=5)
    assert Image.objects.filter(project=team.project).count() == 1


def test_ten_thousand_tags_are_planned_within_five_seconds_of_processor(team: Team) -> None:
    now = timezone.now()
    Image.objects.bulk_create(
        Image(
            project=team.project,
            repository=f"app{number % 50}",
            tag=f"1.{number}",
            digest=f"sha256:{number:064x}",
            size=10,
            updated_at=now - (number % 300) * DAY,
        )
        for number in range(10_000)
    )
    rules.create(project=team.project, user=None, values={"keep_newest": 5, "order": "version"})
    rules.create(project=team.project, user=None, values={"repositories": ["app1*"], "keep_pushed_days": 30})
    began = time.process_time()
    answer = call(
        "POST", f"/projects/{team.project.pk}/retention/dry-run", headers=team.bearer("maintainer")
    ).json()
    assert time.process_time() - began < 5
    assert len(answer["keep"]) + len(answer["remove"]) == 10_000
