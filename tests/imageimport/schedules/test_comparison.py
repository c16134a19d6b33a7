"""What a run takes for new, moved or gone, and what it asks the source for that."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import ImportTask, TagDigest
from imageimport.schedules import services as schedules
from projects.models import Image, Project, Role
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn, basic_header
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.runs import Work, add, counts, keep, results, run
from tests.support.factories import CredentialFactory, member

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_what_a_source_lists_that_is_no_tag_is_left_aside(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    manifests = source.repository("app/web").manifests
    manifests |= dict.fromkeys(["1²", "²"], manifests["1.0"])
    made = run(keep(project, source, "*", newest=3))
    assert results(made) == {"1.0": "new"}


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


def test_another_projects_image_in_the_portals_own_registry_needs_the_makers_rights(
    project: Project, target: ScriptedRegistry, settings: Any
) -> None:
    settings.OWN_ENDPOINTS = []
    _stranger, theirs = member(Role.OWNER)
    target.add_image(f"{theirs.name}/secret", "1.0", random_image([100], seed=1))
    schedule = schedules.create(
        project=project,
        user=project.created_by,
        wanted=schedules.NewSchedule(
            image_url=f"{target.server_name}/{theirs.name}/secret", tags=["1.0"], cron="0 3 * * *"
        ),
    )
    made = run(schedule)
    assert made.error_code == "not_found"
    assert not target.seen("HEAD", "secret")
