"""Going back to an earlier digest of a tag."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.exceptions import ApplicationError
from imageimport import quotas, restore, timeline
from imageimport.choices import Status
from imageimport.models import ImportTask, PolicyRule, Schedule
from imageimport.schedules import services as schedules
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from oci.errors import OciError
from projects.models import AuditEvent, Collection, Image, Project, Reservation, Role
from projects.quota import reserved
from projects.retention import trash
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import TaskFactory, member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def moved(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> tuple[Image, str, str]:
    """An image whose tag named two digests, the older first."""
    user, project = member(Role.MAINTAINER)
    project.created_by = user
    project.save()
    digests = []
    for seed in (1, 2):
        digests.append(source.add_image("app/web", "latest", random_image([500], seed=seed)))
        url = f"{source.server_name}/app/web:latest"
        services.submit(project=project, user=user, request=ImportRequest(url))
        work()
    return Image.objects.get(), digests[0], digests[1]


def go_back(image: Image, digest: str) -> Image:
    return restore.restore(image=image, digest=digest)


def names(target: ScriptedRegistry, project: Project) -> bytes:
    return target.repository(f"{project.name}/app/web").manifests["latest"][1]


def test_the_timeline_has_each_digest_once_newest_first(moved: tuple[Image, str, str]) -> None:
    image, old, new = moved
    assert [row.digest for row in timeline.of_image(image)] == [new, old]
    assert all(row.source_digest == row.digest and row.task for row in timeline.of_image(image))


def test_the_tag_names_the_earlier_digest_again(
    moved: tuple[Image, str, str], target: ScriptedRegistry
) -> None:
    image, old, new = moved
    restored = go_back(image, old)
    assert (restored.pk, restored.digest) == (image.pk, old)
    assert restored.size > 500
    held = target.repository(f"{image.project.name}/app/web").manifests
    assert held["latest"] == held[old]
    assert new in held, "nothing is deleted"
    assert [row.digest for row in timeline.of_image(image)] == [old, new, old]
    event = AuditEvent.objects.get(action="image.restored")
    assert event.detail == {"digest": old, "was": new}


def test_a_digest_that_the_registry_dropped_can_not_come_back(
    moved: tuple[Image, str, str], target: ScriptedRegistry
) -> None:
    image, old, _new = moved
    held = target.repository(f"{image.project.name}/app/web")
    before = held.manifests["latest"]
    kept = held.manifests.pop(old)
    with pytest.raises(ApplicationError) as refused:
        go_back(image, old)
    assert refused.value.code == "digest_gone"
    held.manifests[old] = kept
    held.blobs.clear()
    with pytest.raises(ApplicationError) as refused:
        go_back(image, old)
    assert refused.value.code == "digest_gone"
    assert held.manifests["latest"] == before


def test_going_back_to_a_larger_image_needs_room(
    moved: tuple[Image, str, str], target: ScriptedRegistry
) -> None:
    image, old, _new = moved
    Project.objects.update(quota_bytes=400)
    Image.objects.update(size=1)
    image = Image.objects.select_related("project").get(pk=image.pk)
    before = names(target, image.project)
    with pytest.raises(ApplicationError) as refused:
        go_back(image, old)
    assert refused.value.code == "quota_exceeded"
    assert names(target, image.project) == before
    Image.objects.update(size=1_000_000)  # the project is over its quota, and is less so afterwards
    assert go_back(Image.objects.select_related("project").get(pk=image.pk), old).digest == old


def test_going_back_leaves_room_for_what_imports_are_bringing(moved: tuple[Image, str, str]) -> None:
    image, old, _new = moved
    size = Image.objects.get(pk=image.pk).size
    Project.objects.update(quota_bytes=size + 1000)
    Image.objects.update(size=1)
    image = Image.objects.select_related("project").get(pk=image.pk)
    task = TaskFactory(project=image.project, target_name="b", status=Status.RUNNING, bytes_total=2000)
    with pytest.raises(ApplicationError) as refused:
        go_back(image, old)
    assert refused.value.code == "quota_exceeded"
    ImportTask.objects.filter(pk=task.pk).update(bytes_total=10)
    assert go_back(image, old).digest == old


def test_of_two_that_go_back_at_the_same_moment_one_finds_room(moved: tuple[Image, str, str]) -> None:
    """The other has asked already, and has not put its tag yet."""
    image, old, _new = moved
    size = Image.objects.get(pk=image.pk).size
    Project.objects.update(quota_bytes=size * 3 // 2)
    Image.objects.update(size=1)
    image = Image.objects.select_related("project").get(pk=image.pk)
    with reserved(image.project, images=0, size=size - 1):
        with pytest.raises(ApplicationError) as refused:
            go_back(image, old)
        with pytest.raises(OciError, match="would need"):
            quotas.check_task(TaskFactory(project=image.project, target_name="b"), size)
    assert refused.value.code == "quota_exceeded"
    assert go_back(image, old).digest == old
    assert not Reservation.objects.exists()


def test_a_collection_that_begins_while_it_is_judged_comes_first(
    moved: tuple[Image, str, str], target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, old, _new = moved
    before = names(target, image.project)
    monkeypatch.setattr(restore, "judge_return", lambda *_, **__: Collection.objects.create())
    with pytest.raises(ApplicationError) as refused:
        go_back(image, old)
    assert refused.value.code == "registry_busy"
    assert names(target, image.project) == before


def test_a_digest_that_the_tag_never_named_is_refused(
    moved: tuple[Image, str, str], target: ScriptedRegistry
) -> None:
    image, _old, _new = moved
    other = target.add_image(f"{image.project.name}/app/web", "other", random_image([10], seed=3))
    with pytest.raises(ApplicationError) as refused:
        go_back(image, other)
    assert refused.value.code == "not_in_timeline"


def test_while_an_import_writes_the_tag_it_is_the_imports(moved: tuple[Image, str, str]) -> None:
    image, old, _new = moved
    task = TaskFactory(project=image.project, target_name=image.repository, target_tag=image.tag)
    with pytest.raises(ApplicationError) as refused:
        go_back(image, old)
    assert (refused.value.code, refused.value.facts) == ("target_busy", {"task": str(task.pk)})


def test_a_schedule_respects_it_until_the_source_moves_on(
    moved: tuple[Image, str, str], source: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> None:
    image, old, _new = moved
    go_back(image, old)
    user = image.project.created_by
    assert user is not None
    url = f"{source.server_name}/app/web"
    schedule = schedules.create(
        project=image.project,
        user=user,
        wanted=schedules.NewSchedule(image_url=url, tags=["latest"], cron="0 3 * * *"),
    )
    assert _run(schedule, work) == {"checked": 1, "imported": 0, "unchanged": 1, "failed": 0}
    image.refresh_from_db()
    assert image.digest == old
    third = source.add_image("app/web", "latest", random_image([500], seed=3))
    assert _run(schedule, work) == {"checked": 1, "imported": 1, "unchanged": 0, "failed": 0}
    image.refresh_from_db()
    assert image.digest == third


def _run(schedule: Schedule, work: Callable[[], list[ImportTask]]) -> dict[str, int] | None:
    assert schedule.created_by is not None
    schedules.run_now(schedule=schedule, user=schedule.created_by)
    schedules.run_due()
    work()
    schedule.refresh_from_db()
    found: dict[str, int] | None = schedule.last_result
    return found


def test_what_comes_back_from_the_trash_is_judged_by_the_rules(moved: tuple[Image, str, str]) -> None:
    image, _old, new = moved
    image = Image.objects.select_related("project").get(pk=image.pk)
    trashed = trash.throw_away(image=image, user=None)
    assert trashed is not None
    rule = PolicyRule.objects.create(project=image.project, name="R", action="refuse")
    with pytest.raises(ApplicationError) as caught:
        trash.restore(trashed=trashed)
    assert caught.value.code == "refused_by_rule"
    rule.delete()
    assert trash.restore(trashed=trashed).digest == new


def test_nothing_comes_back_from_the_trash_while_an_import_writes_the_tag(
    moved: tuple[Image, str, str],
) -> None:
    image = Image.objects.select_related("project").get(pk=moved[0].pk)
    trashed = trash.throw_away(image=image, user=None)
    assert trashed is not None
    task = TaskFactory(project=image.project, target_name=image.repository, target_tag=image.tag)
    with pytest.raises(ApplicationError) as refused:
        trash.restore(trashed=trashed)
    assert (refused.value.code, refused.value.facts) == ("target_busy", {"task": str(task.pk)})
