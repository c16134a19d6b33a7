"""Runs of schedules against a scripted source and target."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from imageimport.choices import Priority, Status
from imageimport.exceptions import Refused
from imageimport.models import ImportTask, Schedule, ScheduleRun, TagDigest, WebhookDelivery
from imageimport.registries import rate_limits
from imageimport.schedules import comparison, runner, turns
from imageimport.schedules import services as schedules
from imageimport.submission import services
from imageimport.worker import groups
from projects.models import Image, Project, Role
from stack.sample import index_of, random_image
from tests.support.factories import CredentialFactory, TaskFactory, member
from tests.support.scripted_auth import BasicSignIn, basic_header
from tests.support.scripted_http import Reply
from tests.support.scripted_registry import ScriptedRegistry

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def project() -> Project:
    user, project = member(Role.MAINTAINER)
    project.created_by = user
    project.save()
    return project


def keep(project: Project, source: ScriptedRegistry, *tags: str, **values: Any) -> Schedule:
    fields = {"image_url": f"{source.server_name}/app/web", "tags": list(tags), "cron": "0 3 * * *", **values}
    return schedules.create(project=project, user=project.created_by, **fields)


def run(schedule: Schedule, work: Work | None = None) -> ScheduleRun:
    """One whole run, with its imports where ``work`` is given."""
    made = schedules.run_now(schedule=schedule, user=schedule.project.created_by)
    schedules.run_due()
    if work is not None:
        work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    return made


def counts(schedule: Schedule) -> dict[str, int]:
    assert schedule.last_result is not None
    return dict(schedule.last_result)


def add(source: ScriptedRegistry, tag: str, seed: int) -> str:
    return source.add_image("app/web", tag, random_image([500], seed=seed))


def results(made: ScheduleRun) -> dict[str, str]:
    return {item["tag"]: item["result"] for item in made.items}


def test_new_tags_are_imported_and_the_run_ends_with_its_imports(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    digests = {tag: add(source, tag, seed) for seed, tag in enumerate(["1.0", "1.1"], start=1)}
    schedule = keep(project, source, "1.0", "1.1")
    made = run(schedule)
    assert (made.checked_at is not None, made.ended_at) == (True, None)
    assert schedule.last_run_at is None, "its imports are part of it"
    tasks = work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    assert {task.priority for task in tasks} == {Priority.SCHEDULED}
    assert {task.schedule for task in tasks} == {schedule}
    assert {image.tag: image.digest for image in Image.objects.all()} == digests
    assert schedule.last_run_at == made.ended_at
    assert schedule.last_result == {"checked": 2, "imported": 2, "unchanged": 0, "failed": 0}
    assert (made.new, made.moved, made.unchanged, made.pulls) == (2, 0, 0, 0)
    assert {item["task"] for item in made.items} == {str(task.pk) for task in tasks}


def test_an_unchanged_run_spends_heads_and_no_pull_and_lists_nothing(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    for seed, tag in enumerate(["1.0", "1.1", "1.2"]):
        add(source, tag, seed)
    schedule = keep(project, source, "1.0", "1.1", "1.2")
    run(schedule, work)
    source.requests.clear()
    made = run(schedule, work)
    assert schedule.last_result == {"checked": 3, "imported": 0, "unchanged": 3, "failed": 0}
    assert (made.pulls, made.items) == (0, [])
    assert not source.seen("GET", "/manifests/")
    assert not source.seen("", "/tags/list")
    assert not source.seen("", "/blobs/")
    assert len(source.seen("HEAD", "/manifests/")) == 3


def test_only_what_moved_is_imported(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    first = add(source, "1.0", 1)
    add(source, "latest", 2)
    schedule = keep(project, source, "1.0", "latest")
    run(schedule, work)
    second = add(source, "latest", 3)
    made = run(schedule, work)
    assert schedule.last_result == {"checked": 2, "imported": 1, "unchanged": 1, "failed": 0}
    assert results(made) == {"latest": "moved"}
    assert made.items[0]["digest"] == second
    assert Image.objects.get(tag="latest").digest == second
    assert Image.objects.get(tag="1.0").digest == first
    timeline = TagDigest.objects.filter(tag="latest").values_list("digest", flat=True)
    assert [timeline[0], made.items[0]["was"]] == [second, timeline[1]]


def test_one_glob_over_a_large_repository_costs_one_paged_list_and_heads(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    body = source.repository("app/web")
    digest = add(source, "7.1", 1)
    manifest = body.manifests[digest]
    body.manifests |= {f"t{number}": manifest for number in range(5000)} | {"7.2": manifest}
    schedule = keep(project, source, "7.*")
    made = run(schedule)
    assert results(made) == {"7.1": "new", "7.2": "new"}
    assert len(source.seen("GET", "/tags/list")) == 6
    assert len(source.seen("HEAD", "/manifests/")) == 2
    assert not source.seen("GET", "/manifests/")


def test_ranges_and_exclusions_choose_the_tags(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    for seed, tag in enumerate(["1.1.0", "1.2.0", "1.2.1", "1.3.0-rc.1", "2.0.0", "latest"]):
        add(source, tag, seed)
    made = run(keep(project, source, "semver:>=1.2 <3", exclude_tags=["2.*"]))
    assert set(results(made)) == {"1.2.0", "1.2.1"}


def test_without_rules_the_tag_of_the_image_is_followed(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "stable", 1)
    made = run(keep(project, source, image_url=f"{source.server_name}/app/web:stable", target_name="web"))
    assert results(made) == {"stable": "new"}
    assert ImportTask.objects.get().target_name == "web"


def test_a_tag_that_the_target_lost_is_imported_again(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    schedule = keep(project, source, "1.0")
    run(schedule, work)
    target.repository(f"{project.name}/app/web").manifests.pop("1.0")
    assert results(run(schedule, work)) == {"1.0": "new"}
    assert "1.0" in target.repository(f"{project.name}/app/web").manifests


def test_a_tag_that_someone_pushed_over_is_brought_back(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    digest = add(source, "1.0", 1)
    schedule = keep(project, source, "1.0")
    run(schedule, work)
    other = target.add_image(f"{project.name}/app/web", "1.0", random_image([100], seed=9))
    made = run(schedule, work)
    assert (results(made), made.items[0]["was"]) == ({"1.0": "moved"}, other)
    assert Image.objects.get().digest == digest


def test_nothing_is_ever_deleted_because_the_source_is_empty(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    for seed, tag in enumerate(["1.0", "1.1"]):
        add(source, tag, seed)
    schedule = keep(project, source, "1.*")
    run(schedule, work)
    source.repositories.clear()
    made = run(schedule, work)
    assert (made.error_code, counts(schedule)["checked"]) == ("not_found", 0)
    assert Image.objects.count() == 2
    assert not target.seen("DELETE")
    assert {"1.0", "1.1"} <= set(target.repository(f"{project.name}/app/web").manifests)


def test_a_tag_that_is_gone_is_a_failure_of_its_own(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    schedule = keep(project, source, "1.0", "9.9")
    made = run(schedule, work)
    assert schedule.last_result == {"checked": 2, "imported": 1, "unchanged": 0, "failed": 1}
    (item,) = (item for item in made.items if item["result"] == "failed")
    assert (item["tag"], item["code"]) == ("9.9", "not_found")


def test_a_failed_import_counts_as_failed(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0")
    run(schedule, work)
    assert schedule.last_result == {"checked": 1, "imported": 0, "unchanged": 0, "failed": 1}


def test_chosen_platforms_are_compared_by_what_they_were_made_from(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    images = [
        random_image([500], seed=n, platform=f"linux/{a}") for n, a in enumerate(["amd64", "arm64", "s390x"])
    ]
    index = source.add_image("app/web", "1.0", index_of(images))
    schedule = keep(project, source, "1.0", platforms=["linux/amd64", "linux/arm64"])
    run(schedule, work)
    assert counts(schedule)["imported"] == 1
    assert Image.objects.get().digest != index
    assert results(run(schedule, work)) == {}
    schedules.update(schedule=schedule, user=project.created_by, changes={"platforms": ["linux/amd64"]})
    assert results(run(schedule, work)) == {"1.0": "moved"}
    schedules.update(schedule=schedule, user=project.created_by, changes={"platforms": []})
    assert results(run(schedule, work)) == {"1.0": "moved"}
    assert results(run(schedule, work)) == {}


def test_a_registry_that_does_not_say_digests_costs_pulls_which_are_counted(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    source.rule("HEAD", "/manifests/", Reply(405))
    made = run(keep(project, source, "1.0"))
    assert (made.pulls, results(made)) == (1, {"1.0": "new"})


def test_a_saved_credential_is_used(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    source.sign_in = BasicSignIn({"me": "right"})
    saved = CredentialFactory(project=project, registry=source.server_name, username="me", password="right")
    made = run(keep(project, source, "1.0", credential=saved))
    assert results(made) == {"1.0": "new"}
    assert {request.authorization for request in source.seen("HEAD")} - {""} == {basic_header("me", "right")}
    assert ImportTask.objects.get().credential == saved


def test_a_source_that_is_away_ends_the_run_with_its_reason(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "RETRY_SECONDS", 0.0)
    schedule = keep(project, source, "1.0", "1.1")
    source.stop()
    made = run(schedule)
    assert (made.error_code, made.ended_at is not None) == ("unreachable", True)
    assert schedule.last_result == {"checked": 0, "imported": 0, "unchanged": 0, "failed": 1}
    assert not ImportTask.objects.exists()


def test_a_rate_limit_is_waited_for_and_the_run_goes_on(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    limited = Reply(429, [("Retry-After", "300")])
    source.rule("HEAD", "/manifests/", limited, times=1)
    schedule = keep(project, source, "1.0")
    made = run(schedule)
    assert (made.ended_at, made.error_code) == (None, "rate_limited")
    assert made.lease_expires_at is not None
    assert made.lease_expires_at > timezone.now() + dt.timedelta(seconds=200)
    assert schedules.run_due() == 0, "not before its time"
    ScheduleRun.objects.update(lease_expires_at=timezone.now())
    cache.clear()
    rate_limits.forget()
    schedules.run_due()
    work()
    made.refresh_from_db()
    assert (made.new, made.error_code, made.error, made.tries) == (1, "", "", 1)
    assert made.ended_at is not None


def test_a_run_does_not_overlap_with_itself(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    schedule = keep(project, source, "1.0")
    run(schedule)
    with pytest.raises(Refused) as refused:
        schedules.run_now(schedule=schedule, user=project.created_by)
    assert refused.value.code == "already_running"
    Schedule.objects.update(next_run_at=timezone.now())
    schedules.run_due()
    schedule.refresh_from_db()
    assert ScheduleRun.objects.count() == 1
    assert schedule.next_run_at is not None
    assert schedule.next_run_at > timezone.now(), "the clock goes on all the same"


def test_a_run_whose_worker_was_killed_is_taken_up_and_asks_for_nothing_twice(
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "CHUNK", 1)
    for seed, tag in enumerate(["1.0", "1.1", "1.2"]):
        add(source, tag, seed)
    schedule = keep(project, source, "1.0", "1.1", "1.2")
    made = schedules.run_now(schedule=schedule, user=project.created_by)
    real = comparison.compare

    def killed(sides: Any, tag: str) -> Any:
        if tag == "1.1":
            raise KeyboardInterrupt
        return real(sides, tag)

    monkeypatch.setattr(runner, "compare", killed)
    with pytest.raises(KeyboardInterrupt):
        schedules.run_due()
    monkeypatch.setattr(runner, "compare", real)
    assert ImportTask.objects.count() == 1
    assert schedules.run_due() == 0, "the lease holds for a while"
    ScheduleRun.objects.update(lease_expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert schedules.run_due() == 1
    work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    assert sorted(ImportTask.objects.values_list("target_tag", flat=True)) == ["1.0", "1.1", "1.2"]
    assert (made.tries, made.checked, made.new) == (2, 3, 3)
    assert schedule.last_result == {"checked": 3, "imported": 3, "unchanged": 0, "failed": 0}


def test_workers_that_are_lost_again_and_again_end_the_run(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    schedule = keep(project, source, "1.0")
    made = schedules.run_now(schedule=schedule, user=project.created_by)
    ScheduleRun.objects.update(tries=runner.MAX_TRIES)
    schedules.run_due()
    made.refresh_from_db()
    assert (made.error_code, made.ended_at is not None) == ("worker_lost", True)


def test_a_late_worker_changes_nothing(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    schedule = keep(project, source, "1.0")
    schedules.run_now(schedule=schedule, user=project.created_by)
    late = runner.claim()
    assert late is not None
    ScheduleRun.objects.update(
        lease_owner="another", lease_expires_at=timezone.now() + dt.timedelta(seconds=60)
    )
    runner.work(late)
    made = ScheduleRun.objects.get()
    assert (made.checked_at, made.checked, made.lease_owner) == (None, 0, "another")
    assert not ImportTask.objects.exists()


def another(source: ScriptedRegistry, *tags: str) -> Schedule:
    """Of another project and account."""
    user, project = member(Role.MAINTAINER)
    project.created_by = user
    project.save()
    return keep(project, source, *(tags or ("1.0",)))


def test_only_so_many_runs_are_compared_at_once(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    for _ in range(turns.MAX_RUNS + 1):
        schedule = another(source)
        schedules.run_now(schedule=schedule, user=schedule.created_by)
    claimed = [runner.claim() for _ in range(turns.MAX_RUNS + 1)]
    assert [lease is not None for lease in claimed] == [True] * turns.MAX_RUNS + [False]


def test_one_account_has_one_run_at_a_time_in_whatever_projects(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mine, others = [another(source) for _ in range(3)], another(source)
    Schedule.objects.exclude(pk=others.pk).update(created_by=mine[0].created_by)
    for schedule in (*mine, others):
        schedules.run_now(schedule=schedule, user=None)
    first, second = runner.claim(), runner.claim()
    assert first is not None
    assert second is not None
    assert second.run_id == ScheduleRun.objects.get(schedule=others).pk
    assert runner.claim() is None


def test_accounts_take_turns_however_many_runs_one_has(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mine, others = [another(source) for _ in range(5)], another(source)
    Schedule.objects.exclude(pk=others.pk).update(created_by=mine[0].created_by)
    for schedule in (*mine, others):
        schedules.run_now(schedule=schedule, user=None)
    order = []
    for _ in range(2):
        lease = runner.claim()
        assert lease is not None
        run = ScheduleRun.objects.select_related("schedule").get(pk=lease.run_id)
        turns.note(run)
        order.append(run.schedule == others)
        lease.write(checked_at=timezone.now(), lease_owner="", lease_expires_at=None)
    assert order == [False, True]


def test_a_run_whose_turn_is_over_goes_on_where_it_was_when_others_had_theirs(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TURN_SECONDS", 0.0)
    tags = [f"1.{number}" for number in range(5)]
    for seed, tag in enumerate(tags):
        add(source, tag, seed)
    first, second, third = (another(source, "1.*") for _ in range(3))
    Schedule.objects.filter(pk=third.pk).update(created_by=first.created_by)
    runs = [schedules.run_now(schedule=each, user=None) for each in (first, third, second)]
    lease = runner.claim()
    assert lease is not None
    assert lease.run_id == runs[0].pk
    runner.work(lease)
    run = ScheduleRun.objects.get(pk=runs[0].pk)
    assert (run.position, run.checked, run.new, run.checked_at, run.tries) == (1, 1, 1, None, 0)
    following = [runner.claim(), runner.claim()]
    assert [each and each.run_id for each in following] == [runs[2].pk, runs[1].pk], "it is the last in line"
    monkeypatch.setattr(runner, "TURN_SECONDS", 30.0)
    for each in following:
        assert each is not None
        runner.work(each)
    source.requests.clear()
    schedules.run_due()
    assert len(source.seen("HEAD", "/manifests/")) == 4, "nothing is looked at twice"
    assert not source.seen("GET", "/tags/list")
    work()
    for made in runs:
        made.refresh_from_db()
        assert (made.checked, made.new, made.tries, made.todo) == (5, 5, 1, None)
        assert made.ended_at is not None
    first.refresh_from_db()
    assert first.last_result == {"checked": 5, "imported": 5, "unchanged": 0, "failed": 0}


def test_a_turn_goes_on_while_nobody_waits(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TURN_SECONDS", 0.0)
    for seed in range(3):
        add(source, f"1.{seed}", seed)
    made = run(keep(project, source, "1.*"))
    assert (made.checked, made.tries) == (3, 1)


def test_a_slow_source_of_one_keeps_nobody_elses_run_waiting(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Side by side, in one call of the clock."""
    slow, quick = another(source, "1.0"), another(source, "2.0")
    add(source, "1.0", 1)
    add(source, "2.0", 2)
    done = threading.Event()

    def hold(_request: Any, proceed: Callable[[], Reply]) -> Reply:
        done.wait(20)
        return proceed()

    source.rule("HEAD", "/manifests/1.0", hold)
    for schedule in (slow, quick):
        schedules.run_now(schedule=schedule, user=None)

    def go() -> None:
        schedules.run_due()
        connection.close()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        deadline = time.monotonic() + 15
        while not ScheduleRun.objects.filter(schedule=quick, checked_at__isnull=False).exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not ScheduleRun.objects.filter(schedule=slow, checked_at__isnull=False).exists()
    finally:
        done.set()
        thread.join()


def test_a_source_that_lists_for_ever_is_given_up(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LISTING_SECONDS", -1.0)
    add(source, "1.0", 1)
    made = run(keep(project, source, "1.*"))
    assert (made.error_code, made.checked, made.ended_at is not None) == ("stalled", 0, True)


def test_a_registry_that_limits_requests_refuses_one_of_each_window(
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five times as many tags as a window has requests; the registry's minute passes when the run waits for it."""
    window = {"left": 20}
    refused: list[int] = []

    def limit(_request: Any, proceed: Callable[[], Reply]) -> Reply:
        if not window["left"]:
            refused.append(1)
            return Reply(429, [("Retry-After", "60")])
        window["left"] -= 1
        return proceed()

    image = random_image([500], seed=1)
    digest = source.add_image("app/web", "t0", image)
    body = source.repository("app/web")
    body.manifests |= {f"t{number}": body.manifests[digest] for number in range(100)}
    held = target.add_image(f"{project.name}/app/web", "t0", image)
    there = target.repository(f"{project.name}/app/web")
    there.manifests |= {f"t{number}": there.manifests[held] for number in range(99)}
    source.rule("", "/", limit)
    schedule = keep(project, source, "t*")
    made = schedules.run_now(schedule=schedule, user=None)
    windows = 0
    while made.checked_at is None:
        windows += 1
        assert windows < 12
        window["left"] = 20
        cache.clear()
        rate_limits.forget()
        ScheduleRun.objects.update(lease_expires_at=timezone.now())
        schedules.run_due()
        made.refresh_from_db()
        assert len(refused) <= windows
    assert windows <= 8, "what was looked at once is not looked at again"
    source.rules.clear()
    cache.clear()
    rate_limits.forget()
    work()
    schedule.refresh_from_db()
    assert schedule.last_result == {"checked": 100, "imported": 1, "unchanged": 99, "failed": 0}


# --- retries ------------------------------------------------------------------------------------------


def retried(schedule: Schedule, task: ImportTask) -> ImportTask:
    return services.retry(task=task, user=schedule.created_by)


def test_what_a_retry_put_right_is_right_in_the_run_the_schedule_and_the_news(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    project.webhooks.create(url="https://hooks.example.com/", events=["schedule.completed"])
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0", "9.9")
    made = run(schedule, work)
    assert counts(schedule) == {"checked": 2, "imported": 0, "unchanged": 0, "failed": 2}
    source.rules.clear()
    ended = made.ended_at
    failed = ImportTask.objects.get()
    new = retried(schedule, failed)
    assert new.schedule_run == made
    assert not groups.settle_run(made.pk), "not while it goes on"
    work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    assert (made.failed, made.ended_at, schedule.last_run_at) == (1, ended, ended), "9.9 is not there"
    assert counts(schedule) == {"checked": 2, "imported": 1, "unchanged": 0, "failed": 1}
    told = [each.payload["run"]["result"] for each in WebhookDelivery.objects.order_by("created_at")]
    assert told == [
        {"checked": 2, "imported": 0, "unchanged": 0, "failed": 2},
        {"checked": 2, "imported": 1, "unchanged": 0, "failed": 1},
    ]


def test_a_retry_that_fails_again_changes_no_count_and_tells_nothing_twice(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    project.webhooks.create(url="https://hooks.example.com/", events=["schedule.completed"])
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0")
    run(schedule, work)
    retried(schedule, ImportTask.objects.get())
    work()
    schedule.refresh_from_db()
    assert counts(schedule) == {"checked": 1, "imported": 0, "unchanged": 0, "failed": 1}
    assert WebhookDelivery.objects.count() == 1


def test_a_retry_while_the_run_goes_on_is_what_the_run_waits_for(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    for seed, tag in enumerate(["1.0", "1.1"]):
        add(source, tag, seed)
    schedule = keep(project, source, "1.0", "1.1")
    made = run(schedule)
    first = ImportTask.objects.get(target_tag="1.0")
    services.cancel(task=first, user=None)
    first.refresh_from_db()
    retried(schedule, first)
    work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    assert counts(schedule) == {"checked": 2, "imported": 2, "unchanged": 0, "failed": 0}


def test_a_run_that_a_release_before_ended_is_put_right_too(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0", "9.9")
    made = run(schedule, work)
    ScheduleRun.objects.update(tags_failed=None)
    source.rules.clear()
    retried(schedule, ImportTask.objects.get())
    work()
    made.refresh_from_db()
    assert (made.failed, made.tags_failed) == (1, 1)


def test_a_later_run_keeps_its_own_numbers(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0")
    first = run(schedule, work)
    old = ImportTask.objects.get()
    source.rules.clear()
    run(schedule, work)
    retried(schedule, old)
    work()
    first.refresh_from_db()
    schedule.refresh_from_db()
    assert first.failed == 0
    assert counts(schedule) == {"checked": 1, "imported": 1, "unchanged": 0, "failed": 0}
    assert schedule.last_run_at != first.ended_at


def test_a_defect_of_ours_ends_the_run_with_an_id_and_no_traceback(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(source, "1.0", 1)

    def broken(*_: Any) -> Any:
        raise RuntimeError("canary")

    monkeypatch.setattr(runner, "compare", broken)
    made = run(keep(project, source, "1.0"))
    assert made.error_code == "internal_error"
    assert "canary" not in made.error


def test_a_tag_that_another_import_writes_is_left_to_it(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    TaskFactory(project=project, target_name="app/web", target_tag="1.0")
    schedule = keep(project, source, "1.0")
    made = run(schedule)
    assert results(made) == {"1.0": "busy"}
    assert schedule.last_result == {"checked": 1, "imported": 0, "unchanged": 0, "failed": 0}


def test_an_import_whose_end_nobody_told_does_not_keep_the_run_open(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    made = run(keep(project, source, "1.0"))
    ImportTask.objects.update(status=Status.FAILED)
    ScheduleRun.objects.update(checked_at=timezone.now() - dt.timedelta(minutes=5))
    assert groups.settle_stragglers() == 1
    made.refresh_from_db()
    assert made.ended_at is not None


def test_the_end_is_told_once_with_its_counts(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    project.webhooks.create(url="https://hooks.example.com/", events=["schedule.completed"])
    add(source, "1.0", 1)
    run(keep(project, source, "1.0"), work)
    payload = WebhookDelivery.objects.get().payload
    assert payload["run"]["result"] == {"checked": 1, "imported": 1, "unchanged": 0, "failed": 0}
    assert payload["schedule"]["image_url"].endswith("/app/web")


def test_another_projects_image_in_the_portals_own_registry_needs_the_makers_rights(
    project: Project, target: ScriptedRegistry, settings: Any
) -> None:
    settings.OWN_ENDPOINTS = []
    _stranger, theirs = member(Role.OWNER)
    target.add_image(f"{theirs.name}/secret", "1.0", random_image([100], seed=1))
    schedule = schedules.create(
        project=project,
        user=project.created_by,
        image_url=f"{target.server_name}/{theirs.name}/secret",
        tags=["1.0"],
        cron="0 3 * * *",
    )
    made = run(schedule)
    assert made.error_code == "not_found"
    assert not target.seen("HEAD", "secret")
